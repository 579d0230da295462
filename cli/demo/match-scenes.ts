import assert from 'node:assert/strict';

import { scoreAt, seededRandom, shotAt, type MatchEvent, type MatchScript } from './match-script.ts';
import { colour, Picture, type Colour } from './picture.ts';
import { drawText, type TextMask } from './stroke-font.ts';

export const pictureWidth = 1280;
export const pictureHeight = 720;

/** The stadium is two pictures wide: the camera pans over it. */
const stadiumWidth = 2560;
const pitch = { left: 140, right: 2420, top: 236, bottom: 700 };
const goalMouth = { top: 400, bottom: 520 };

const grass = [colour(58, 140, 62), colour(50, 126, 55)] as const;
const chalk = colour(235, 240, 235);
const skin = colour(214, 168, 132);
const shirts = { home: colour(206, 40, 48), away: colour(40, 84, 200) } as const;
const white = colour(250, 250, 250);
const black = colour(18, 20, 26);
const seats = [
  colour(178, 62, 66),
  colour(74, 98, 180),
  colour(206, 200, 190),
  colour(92, 84, 88),
  colour(222, 186, 90),
];

/**
 * Paints the picture of each instant of a match: pitch, players, ball, cuts, replays and the score bug. Everything is
 * derived from the script and the time, so pictures can be asked for in any order.
 */
export class MatchPainter {
  readonly #script: MatchScript;
  readonly #stadium = paintStadium();
  readonly #stand = paintStand();
  readonly #scratch = new Picture(pictureWidth, pictureHeight);
  readonly #path: readonly Waypoint[];
  readonly #texts = new Map<string, TextMask>();

  constructor(script: MatchScript) {
    this.#script = script;
    this.#path = planBall(script);
  }

  paint(onto: Picture, ms: number): void {
    const shot = shotAt(this.#script, ms);
    switch (shot.kind) {
      case 'wide':
        this.#paintWide(onto, ms);
        break;
      case 'close-up':
        this.#paintCloseUp(onto, ms, shot.startMs);
        break;
      case 'crowd':
        this.#paintCrowd(onto, ms);
        break;
      case 'replay':
        // Slower than it was, and nearer.
        this.#paintReplay(onto, (shot.ofMs ?? shot.startMs) + (ms - shot.startMs) * 0.6);
        paintWipe(onto, Math.min(ms - shot.startMs, shot.endMs - ms));
        break;
    }
    if (shot.hasBug) this.#paintBug(onto, ms);
  }

  #paintWide(onto: Picture, ms: number): void {
    const ball = along(this.#path, ms);
    const left = even(clamp(ball.x - pictureWidth / 2, 0, stadiumWidth - pictureWidth));
    onto.copyFrom(this.#stadium, left, 0);
    const players = placePlayers(ball, ms).toSorted((one, other) => one.y - other.y);
    for (const player of players)
      paintPlayer(onto, player.x - left, player.y, player.shirt, ms + player.phase);
    onto.fillEllipse(ball.x - left + 3, ball.y + 7, 7, 3, colour(34, 92, 40));
    onto.fillEllipse(ball.x - left, ball.y - ball.lift, 6, 6, white);
  }

  #paintReplay(onto: Picture, ms: number): void {
    this.#paintWide(this.#scratch, ms);
    const ball = along(this.#path, ms);
    const cameraLeft = clamp(ball.x - pictureWidth / 2, 0, stadiumWidth - pictureWidth);
    const left = clamp(ball.x - cameraLeft - pictureWidth / 4, 0, pictureWidth / 2);
    const top = clamp(ball.y - pictureHeight / 4, 0, pictureHeight / 2);
    onto.magnifyFrom(this.#scratch, even(left), even(top));
  }

  /** One player from the waist up before the blurred stand; who it is and where he looks changes from shot to shot. */
  #paintCloseUp(onto: Picture, ms: number, shotStartMs: number): void {
    const shirt = Math.floor(shotStartMs / 700) % 2 === 0 ? shirts.home : shirts.away;
    onto.copyFrom(this.#stand, even(200 + (shotStartMs % 900)), 0);
    onto.fillRect(0, 560, pictureWidth, 160, grass[1]);
    const sway = Math.sin(ms / 340) * 26;
    const x = 640 + sway + (((shotStartMs / 10) % 160) - 80);
    const y = 330 + Math.sin(ms / 170) * 14;
    onto.fillEllipse(x, y + 330, 190, 260, shirt);
    onto.fillRect(x - 240, y + 190, 90, 300, shirt);
    onto.fillRect(x + 150, y + 190, 90, 300, shirt);
    onto.fillRect(x - 34, y + 70, 68, 60, skin);
    onto.fillEllipse(x, y, 84, 106, skin);
    onto.fillEllipse(x, y - 62, 90, 60, colour(58, 40, 30));
    onto.fillEllipse(x - 30, y - 4, 9, 7, black);
    onto.fillEllipse(x + 30, y - 4, 9, 7, black);
    onto.fillEllipse(x, y + 50, 30, 10 + 8 * Math.abs(Math.sin(ms / 210)), colour(120, 44, 44));
  }

  #paintCrowd(onto: Picture, ms: number): void {
    onto.fillRect(0, 0, pictureWidth, pictureHeight, colour(38, 36, 44));
    for (let row = 0; row < 9; row += 1) {
      for (let seat = 0; seat < 17; seat += 1) {
        const jump = Math.abs(Math.sin(ms / 190 + seat * 1.9 + row * 2.3)) * 26;
        const x = seat * 80 + (row % 2) * 40;
        const y = 60 + row * 84 - jump;
        onto.fillEllipse(x, y + 52, 34, 40, seats[(seat * 3 + row * 5) % seats.length] ?? white);
        onto.fillEllipse(x, y, 20, 24, skin);
      }
    }
  }

  #paintBug(onto: Picture, ms: number): void {
    const { home, away } = scoreAt(this.#script, ms);
    const clockS = Math.floor((this.#script.clockStartMs + ms) / 1000);
    const clock = `${String(Math.floor(clockS / 60)).padStart(2, '0')}:${String(clockS % 60).padStart(2, '0')}`;
    onto.fillRect(48, 36, 330, 52, black);
    onto.fillRect(378, 36, 142, 52, colour(236, 238, 240));
    onto.fillRect(48, 36, 8, 52, shirts.home);
    onto.fillRect(370, 36, 8, 52, shirts.away);
    onto.drawMask(this.#text(this.#script.home), 66, 46, 235);
    onto.fillRect(152, 36, 118, 52, colour(60, 66, 82));
    onto.drawMask(this.#text(`${home}-${away}`), 170, 46, 235);
    onto.drawMask(this.#text(this.#script.away), 282, 46, 235);
    onto.drawMask(this.#text(clock), 384, 46, 24);
  }

  #text(text: string): TextMask {
    const known = this.#texts.get(text);
    if (known) return known;
    const drawn = drawText(text, 30);
    // A clock shows each second once; the masks of past seconds are not needed again.
    if (this.#texts.size > 32) this.#texts.clear();
    this.#texts.set(text, drawn);
    return drawn;
  }
}

interface Waypoint {
  atMs: number;
  x: number;
  y: number;
  /** Height over the grass, px. */
  lift: number;
}

/** Quiet play from side to side, and runs to the goal that end at the instant of each event. */
function planBall(script: MatchScript): Waypoint[] {
  const random = seededRandom(script.seed ^ 0x5eed);
  const path: Waypoint[] = [{ atMs: 0, x: stadiumWidth / 2, y: 470, lift: 0 }];
  const wanderUntil = (endMs: number): void => {
    for (let last = path.at(-1); last && last.atMs + 1_800 < endMs; last = path.at(-1)) {
      const x = clamp(last.x + (random() - 0.5) * 760, 500, stadiumWidth - 500);
      path.push({ atMs: last.atMs + 1_500 + random() * 1_200, x, y: 330 + random() * 280, lift: 0 });
    }
  };
  for (const event of script.events.filter(({ kind }) => kind !== 'kick-off')) {
    wanderUntil(event.atMs - 4_500);
    path.push(...runTo(event, random));
  }
  wanderUntil(script.durationMs);
  return path;
}

function runTo(event: MatchEvent, random: () => number): Waypoint[] {
  const outward = event.side === 'left' ? -1 : 1;
  const line = event.side === 'left' ? pitch.left : pitch.right;
  const middle = (goalMouth.top + goalMouth.bottom) / 2;
  const isShot = event.kind === 'goal' || event.kind === 'near-miss';
  const end = isShot
    ? { x: line + outward * 16, y: event.kind === 'goal' ? middle : goalMouth.top - 44, lift: 24 }
    : { x: line - outward * 520, y: 420, lift: 0 };
  return [
    { atMs: event.atMs - 4_000, x: line - outward * 900, y: 380 + random() * 160, lift: 0 },
    {
      atMs: event.atMs - 700,
      x: line - outward * (isShot ? 330 : 560),
      y: middle + (random() - 0.5) * 90,
      lift: 0,
    },
    { atMs: event.atMs, ...end },
    { atMs: event.atMs + 3_000, ...end, lift: 0 },
    { atMs: event.atMs + 9_000, x: stadiumWidth / 2, y: 470, lift: 0 },
  ];
}

function along(path: readonly Waypoint[], ms: number): Waypoint {
  const index = path.findIndex((point) => point.atMs > ms);
  const after = index === -1 ? path.at(-1) : path[index];
  const before = index === -1 ? path.at(-1) : path[Math.max(0, index - 1)];
  assert(before && after, 'a ball path has at least one waypoint');
  const share = after.atMs === before.atMs ? 0 : clamp((ms - before.atMs) / (after.atMs - before.atMs), 0, 1);
  const mix = (from: number, to: number): number => from + (to - from) * share;
  return {
    atMs: ms,
    x: mix(before.x, after.x),
    y: mix(before.y, after.y),
    lift: mix(before.lift, after.lift),
  };
}

function placePlayers(ball: Waypoint, ms: number): { x: number; y: number; shirt: Colour; phase: number }[] {
  return Array.from({ length: 22 }, (_, index) => {
    const isHome = index < 11;
    const slot = index % 11;
    const isKeeper = slot === 0;
    const depth = isKeeper ? 0.02 : 0.16 + (slot % 4) * 0.19;
    const lane = isKeeper ? 0.5 : 0.12 + ((slot * 3) % 10) * 0.085;
    const homeX = pitch.left + (pitch.right - pitch.left) * (isHome ? depth : 1 - depth);
    const pull = isKeeper ? 0.01 : 0.32;
    return {
      x: homeX + (ball.x - homeX) * pull + Math.sin(ms / 900 + index * 1.7) * 34,
      y: pitch.top + 24 + (pitch.bottom - pitch.top - 40) * lane + Math.cos(ms / 1_150 + index * 2.3) * 22,
      shirt: isHome ? shirts.home : shirts.away,
      phase: index * 97,
    };
  });
}

function paintPlayer(onto: Picture, x: number, y: number, shirt: Colour, ms: number): void {
  if (x < -30 || x > pictureWidth + 30) return;
  const stride = Math.sin(ms / 110) * 7;
  onto.fillEllipse(x + 4, y + 2, 15, 5, colour(36, 96, 42));
  onto.fillRect(x - 7 + stride, y - 20, 5, 20, skin);
  onto.fillRect(x + 2 - stride, y - 20, 5, 20, skin);
  onto.fillRect(x - 8, y - 28, 16, 10, white);
  onto.fillRect(x - 9, y - 48, 18, 22, shirt);
  onto.fillEllipse(x, y - 55, 6, 7, skin);
}

function paintStadium(): Picture {
  const picture = new Picture(stadiumWidth, pictureHeight);
  picture.copyFrom(paintStand(), 0, 0);
  for (let x = 0; x < stadiumWidth; x += 160) {
    picture.fillRect(x, 200, 160, pictureHeight - 200, grass[(x / 160) % 2 === 0 ? 0 : 1]);
  }
  for (let x = 0; x < stadiumWidth; x += 320) {
    picture.fillRect(x, 172, 316, 34, (x / 320) % 2 === 0 ? colour(18, 60, 110) : colour(120, 24, 40));
    picture.fillRect(x + 60, 184, 190, 10, colour(226, 226, 214));
  }
  const line = (x: number, y: number, width: number, height: number): void =>
    picture.fillRect(x, y, width, height, chalk);
  line(pitch.left, pitch.top, pitch.right - pitch.left, 4);
  line(pitch.left, pitch.bottom, pitch.right - pitch.left, 4);
  line(stadiumWidth / 2 - 2, pitch.top, 4, pitch.bottom - pitch.top);
  for (let angle = 0; angle < 720; angle += 1) {
    const turn = (angle * Math.PI) / 360;
    line(stadiumWidth / 2 + Math.cos(turn) * 150, 468 + Math.sin(turn) * 96, 4, 4);
  }
  for (const [x, inward] of [
    [pitch.left, 1],
    [pitch.right, -1],
  ] as const) {
    line(x, pitch.top, 4, pitch.bottom - pitch.top);
    line(Math.min(x, x + inward * 320), 320, 320, 4);
    line(Math.min(x, x + inward * 320), 612, 324, 4);
    line(x + inward * 320, 320, 4, 294);
    const back = Math.min(x, x - inward * 46);
    for (let net = 0; net <= 46; net += 8)
      picture.fillRect(back + net, goalMouth.top, 2, 120, colour(190, 196, 190));
    for (let net = 0; net <= 120; net += 10)
      picture.fillRect(back, goalMouth.top + net, 48, 2, colour(190, 196, 190));
    picture.fillRect(x - 3, goalMouth.top, 6, 124, white);
  }
  return picture;
}

/** People in their seats, small and still. */
function paintStand(): Picture {
  const random = seededRandom(11);
  const picture = new Picture(stadiumWidth, pictureHeight);
  picture.fillRect(0, 0, stadiumWidth, pictureHeight, colour(52, 50, 60));
  for (let y = 4; y < pictureHeight; y += 14) {
    for (let x = 4; x < stadiumWidth; x += 12) {
      if (random() < 0.12) continue;
      picture.fillRect(x, y + 4, 8, 8, seats[Math.floor(random() * seats.length)] ?? white);
      picture.fillRect(x + 2, y, 4, 5, skin);
    }
  }
  return picture;
}

/** The band that sweeps over the picture where a replay begins and ends. */
function paintWipe(onto: Picture, sinceEdgeMs: number): void {
  if (sinceEdgeMs > 480) return;
  const x = -400 + (sinceEdgeMs / 480) * (pictureWidth + 800);
  onto.fillRect(x - 260, 0, 420, pictureHeight, colour(244, 196, 48));
  onto.fillRect(x - 160, 0, 220, pictureHeight, colour(24, 30, 60));
}

function even(value: number): number {
  return Math.round(value / 2) * 2;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
