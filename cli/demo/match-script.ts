/** Something that happens in the match, as a referee would write it down: the truth that a run is measured against. */
export interface MatchEvent {
  kind: 'kick-off' | 'goal' | 'near-miss' | 'foul';
  atMs: number;
  /** Which goal the ball goes to. */
  side: 'left' | 'right';
  text: string;
}

/** What the director of the broadcast shows, from `startMs` until the next shot. */
export interface Shot {
  kind: 'wide' | 'close-up' | 'crowd' | 'replay';
  startMs: number;
  endMs: number;
  hasBug: boolean;
  /** Replays: match time of the first picture that is shown again. */
  ofMs?: number;
}

/** A swell of the crowd: `gainDb` over the quiet bed at its height. */
export interface Swell {
  startMs: number;
  gainDb: number;
  riseMs: number;
  holdMs: number;
  fallMs: number;
}

export interface MatchScript {
  durationMs: number;
  seed: number;
  home: string;
  away: string;
  /** What the clock in the score bug shows at 0 ms. */
  clockStartMs: number;
  events: MatchEvent[];
  shots: Shot[];
  /** What the score bug shows from `atMs` on. Operators are late: 5 to 8 s behind the goal. */
  scores: { atMs: number; home: number; away: number }[];
  swells: Swell[];
  whistles: { atMs: number; durationMs: number }[];
}

/** Goals with something else between them, so that crowd, cuts or whistle alone are no giveaway. */
const running: readonly MatchEvent['kind'][] = ['goal', 'near-miss', 'goal', 'foul', 'goal', 'near-miss'];

/** Celebration, score change and replay of a goal take 17 s; the next event keeps clear of them. */
const spacingMs = 28_000;
const afterGoalMs = 20_000;

/**
 * A match from a seed: the same seed gives the same match. The first goal comes at 34 s (earlier in a short match), by
 * when a detector has had the time to learn where the score bug is.
 */
export function writeScript(options: { durationMs: number; seed: number }): MatchScript {
  const random = seededRandom(options.seed);
  const script: MatchScript = {
    ...options,
    home: 'LYN',
    away: 'HAV',
    clockStartMs: (61 * 60 + Math.floor(random() * 50)) * 1000,
    events: [{ kind: 'kick-off', atMs: 2_000, side: 'left', text: 'the whistle for the restart' }],
    shots: [],
    scores: [{ atMs: 0, home: 0, away: 0 }],
    swells: [],
    whistles: [{ atMs: 2_000, durationMs: 700 }],
  };
  const firstMs = Math.min(34_000, Math.round(options.durationMs * 0.45));
  for (let index = 0; ; index += 1) {
    const kind = running[index % running.length] ?? 'goal';
    const atMs = Math.round(firstMs + index * spacingMs + (index === 0 ? 0 : (random() - 0.5) * 4_000));
    if (atMs + afterGoalMs > options.durationMs) break;
    stage(script, kind, atMs, random);
  }
  script.shots = cutTogether(script);
  return script;
}

export function shotAt(script: MatchScript, ms: number): Shot {
  const shot = script.shots.find((shot) => ms >= shot.startMs && ms < shot.endMs) ?? script.shots.at(-1);
  return shot ?? { kind: 'wide', startMs: 0, endMs: script.durationMs, hasBug: true };
}

export function scoreAt(script: MatchScript, ms: number): { home: number; away: number } {
  return script.scores.findLast((score) => score.atMs <= ms) ?? { home: 0, away: 0 };
}

/** Mulberry32: small, fast, and the same on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function stage(script: MatchScript, kind: MatchEvent['kind'], atMs: number, random: () => number): void {
  const side = random() < 0.5 ? 'left' : 'right';
  switch (kind) {
    case 'goal': {
      const before = scoreAt(script, Infinity);
      const scorer = side === 'right' ? script.home : script.away;
      const score =
        side === 'right'
          ? { home: before.home + 1, away: before.away }
          : { home: before.home, away: before.away + 1 };
      script.scores.push({ atMs: atMs + 5_000 + Math.round(random() * 3_000), ...score });
      script.swells.push({ startMs: atMs + 150, gainDb: 17, riseMs: 500, holdMs: 5_000, fallMs: 6_000 });
      script.events.push({ kind, atMs, side, text: `goal for ${scorer}, ${score.home}-${score.away}` });
      return;
    }
    case 'near-miss':
      script.swells.push({ startMs: atMs - 100, gainDb: 10, riseMs: 300, holdMs: 1_100, fallMs: 2_500 });
      script.events.push({ kind, atMs, side, text: 'a shot just past the post: "ooh"' });
      return;
    case 'foul':
      script.whistles.push({ atMs, durationMs: 600 });
      script.swells.push({ startMs: atMs + 300, gainDb: 4, riseMs: 800, holdMs: 1_000, fallMs: 2_000 });
      script.events.push({ kind, atMs, side, text: 'a foul: the whistle, then grumbling' });
      return;
    case 'kick-off':
      return;
  }
}

/** The wide camera, with what a director puts over it. */
function cutTogether(script: MatchScript): Shot[] {
  const inserts: Shot[] = [];
  for (const { kind, atMs } of script.events) {
    if (kind === 'goal') {
      inserts.push(
        { kind: 'close-up', startMs: atMs + 1_600, endMs: atMs + 4_400, hasBug: true },
        { kind: 'crowd', startMs: atMs + 4_400, endMs: atMs + 6_400, hasBug: true },
        { kind: 'close-up', startMs: atMs + 6_400, endMs: atMs + 10_000, hasBug: true },
        { kind: 'replay', startMs: atMs + 10_000, endMs: atMs + 16_000, hasBug: false, ofMs: atMs - 2_200 },
      );
    }
    if (kind === 'near-miss' || kind === 'foul') {
      inserts.push({ kind: 'close-up', startMs: atMs + 1_800, endMs: atMs + 4_000, hasBug: true });
    }
    // An ordinary look at a player in quiet play: a cut means nothing by itself.
    inserts.push({ kind: 'close-up', startMs: atMs - 11_000, endMs: atMs - 8_800, hasBug: true });
  }
  const shots: Shot[] = [];
  let endMs = 0;
  for (const insert of inserts.filter((shot) => shot.startMs > 4_000)) {
    if (insert.startMs < endMs) continue;
    if (insert.startMs > endMs)
      shots.push({ kind: 'wide', startMs: endMs, endMs: insert.startMs, hasBug: true });
    shots.push(insert);
    endMs = insert.endMs;
  }
  return [...shots, { kind: 'wide', startMs: endMs, endMs: script.durationMs, hasBug: true }];
}
