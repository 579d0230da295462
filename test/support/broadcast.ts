import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A broadcast made of real pieces, with a script that is known: what an end-to-end test compares with. */
export interface Broadcast {
  path: string;
  durationMs: number;
  goals: ScriptedGoal[];
}

export interface ScriptedGoal {
  /** When the ball is in and the crowd rises. */
  atMs: number;
  /** When the bug shows the new score. */
  scoreAtMs: number;
  home: number;
  away: number;
  /** The bug is off and the goal is shown again. */
  replay: { fromMs: number; untilMs: number };
}

const footage = fileURLToPath(new URL('../../../shared/footage/', import.meta.url));
const font = '/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf';

/** What is missing for building it, for `it.skipIf`; undefined = it can be built. */
export function broadcastObstacle(): string | undefined {
  if (!existsSync(`${footage}video`)) return 'the real footage is not there';
  if (!existsSync(font)) return 'the font DejaVu Sans is not there (fonts-dejavu-core)';
  return spawnSync('ffmpeg', ['-version']).status === 0 ? undefined : 'ffmpeg is not there';
}

/**
 * Joins real soccer pieces to a match of about `seconds` at 720p25 (GOP 2 s), with a burnt-in bug and clock and a
 * scripted crowd: one goal every two to three minutes, each with close-ups, a replay without the bug, and the new
 * score 5 s behind it. Commentary, whistles and a groan that are no goals lie between. Takes about a sixth of `seconds`
 * on two idle cores.
 */
export function buildBroadcast(options: { folder: string; seconds: number }): Broadcast {
  mkdirSync(options.folder, { recursive: true });
  const { shots, goals } = script(options.seconds);
  const durationS = shots.reduce((sum, shot) => sum + shot.seconds, 0);
  const list = shots.map((shot) => `file '${normalised(shot, options.folder)}'`).join('\n');
  const listPath = join(options.folder, 'shots.txt');
  writeFileSync(listPath, `${list}\n`);
  const path = join(options.folder, `broadcast-${options.seconds}.mp4`);
  const sound = soundTrack(durationS, goals);
  const graph = `[0:v]${bug(durationS, goals)}[v];${sound.filter}`;
  const encoder = '-c:v libx264 -preset superfast -crf 26 -g 50 -bf 2 -pix_fmt yuv420p';
  const mapped = `-map [v] -map [a] -t ${durationS}`.split(' ');
  const written = `${encoder} -c:a aac -b:a 96k -ar 48000 -ac 2 -movflags +faststart`.split(' ');
  const joined = '-f concat -safe 0 -i'.split(' ');
  run([...joined, listPath, ...sound.inputs, '-filter_complex', graph, ...mapped, ...written, path]);
  return { path, durationMs: Math.round(durationS * 1000), goals };
}

interface Shot {
  file: string;
  from: number;
  seconds: number;
}

/** Open play: long wide shots, one after the other. */
const play: readonly Shot[] = [
  { file: 'soccer_internapoli_bug_0611-0643', from: 0, seconds: 20 },
  { file: 'soccer_inter_attack_13s', from: 0, seconds: 12 },
  { file: 'soccer_youth_veo_a', from: 0, seconds: 9 },
  { file: 'soccer_internapoli_bug_0611-0643', from: 20, seconds: 12 },
  { file: 'soccer_youth_veo_b', from: 0, seconds: 9 },
  { file: 'soccer_dfl_bundesliga_tactical', from: 0, seconds: 6 },
];

/** The attack, faces, the replay from another side. */
const attack: Shot = { file: 'soccer_messi_getafe_goal_replays', from: 0, seconds: 14 };
const goalAtS = 12.5;
const faces: readonly Shot[] = [
  { file: 'soccer_wc2002_keeper', from: 2, seconds: 3 },
  { file: 'soccer_kid_penalty', from: 1, seconds: 3 },
  { file: 'soccer_wc2002_keeper', from: 6, seconds: 3 },
];
const replay: Shot = { file: 'soccer_messi_getafe_goal_replays', from: 15.5, seconds: 14 };
const scoreLagS = 5;

/** Shots in the order in which they are shown. */
class Reel {
  readonly shots: Shot[] = [];
  #playCount = 0;

  get seconds(): number {
    return this.shots.reduce((sum, shot) => sum + shot.seconds, 0);
  }

  playUntil(untilS: number): void {
    while (this.seconds < untilS) {
      this.shots.push(play[this.#playCount % play.length] as Shot);
      this.#playCount += 1;
    }
  }
}

function script(seconds: number): { shots: Shot[]; goals: ScriptedGoal[] } {
  const reel = new Reel();
  const goals: ScriptedGoal[] = [];
  const score = { home: 0, away: 0 };
  const goalCount = Math.max(1, Math.floor(seconds / 150));
  for (let goal = 0; goal < goalCount; goal += 1) {
    // The first goal comes after 20 s of play where it is the only one, else they are spread over the match.
    reel.playUntil(goalCount === 1 ? 20 : (goal * seconds) / goalCount + 40);
    const atMs = Math.round((reel.seconds + goalAtS) * 1000);
    reel.shots.push(attack, ...faces);
    const replayFromMs = reel.seconds * 1000;
    reel.shots.push(replay);
    const replayUntilMs = reel.seconds * 1000;
    if (goal % 2 === 0) score.home += 1;
    else score.away += 1;
    const scoreAtMs = replayUntilMs + scoreLagS * 1000;
    goals.push({ atMs, scoreAtMs, ...score, replay: { fromMs: replayFromMs, untilMs: replayUntilMs } });
  }
  reel.playUntil(seconds);
  return { shots: reel.shots, goals };
}

/** Each piece once in the same size, rate and codec; the joined match is encoded again, with the bug. */
function normalised(shot: Shot, folder: string): string {
  const path = join(folder, `${shot.file}-${shot.from}.ts`);
  if (existsSync(path)) return path;
  const fit = 'scale=1280:720:force_original_aspect_ratio=increase,crop=1280:720,setsar=1,fps=25';
  const source = ['-ss', String(shot.from), '-i', `${footage}video/${shot.file}.mp4`];
  const length = `-an -frames:v ${shot.seconds * 25} -c:v libx264 -preset ultrafast -crf 18 -pix_fmt yuv420p`;
  run([...source, '-vf', fit, ...length.split(' '), path]);
  return path;
}

function write(text: string, x: number, when: string): string {
  return `drawtext=fontfile=${font}:text='${text}':x=${x}:y=48:fontsize=26:fontcolor=white:enable='${when}'`;
}

/** An opaque panel that also covers the bug which one of the pieces has. */
function bug(durationS: number, goals: readonly ScriptedGoal[]): string {
  const off = goals.map(({ replay }) => `between(t,${replay.fromMs / 1000},${replay.untilMs / 1000})`);
  const isOn = `not(${off.join('+')})`;
  const states = [{ scoreAtMs: 0, home: 0, away: 0 }, ...goals];
  const scores = states.map((state, index) => {
    const untilS = (states[index + 1]?.scoreAtMs ?? durationS * 1000) / 1000;
    return write(
      `${state.home} - ${state.away}`,
      190,
      `gte(t,${state.scoreAtMs / 1000})*lt(t,${untilS})*${isOn}`,
    );
  });
  return [
    `drawbox=x=84:y=36:w=436:h=50:color=0x101848:t=fill:enable='${isOn}'`,
    write('REA', 110, isOn),
    ...scores,
    write('TOU', 290, isOn),
    write('%{pts\\:gmtime\\:1200\\:%M\\\\\\:%S}', 400, isOn),
  ].join(',');
}

interface Noise {
  file: string;
  atS: number;
  gainDb: number;
  seconds: number;
}

/** Real commentary over a quiet crowd all the way, the roar at each goal, and noises that are no goals between. */
function soundTrack(durationS: number, goals: readonly ScriptedGoal[]): { inputs: string[]; filter: string } {
  const noises: Noise[] = goals.flatMap((goal) => [
    { file: 'audio/applause_cheer_4s.wav', atS: goal.atMs / 1000, gainDb: -22, seconds: 8 },
    { file: 'audio/crowd_cheer_short.wav', atS: goal.atMs / 1000 + 0.2, gainDb: -22, seconds: 6 },
    { file: 'audio/whistle_long_1.7s.wav', atS: goal.replay.untilMs / 1000 + 8, gainDb: -12, seconds: 1.6 },
  ]);
  const distractions = ['commentary_tts_six.wav', 'commentary_tts_four.wav', 'crowd_aww.mp3'];
  const isFree = (atS: number): boolean =>
    goals.every((goal) => atS < goal.atMs / 1000 - 20 || atS > goal.atMs / 1000 + 50);
  let next = 0;
  for (let atS = 12; atS < durationS - 15; atS += 37) {
    if (!isFree(atS)) continue;
    const file = distractions[next++ % distractions.length] ?? '';
    noises.push({ file: `audio/${file}`, atS, gainDb: file === 'crowd_aww.mp3' ? -16 : -4, seconds: 9 });
  }
  const inputs = [
    '-i',
    `${footage}video/soccer_internapoli_bug_0611-0643.mp4`,
    ...looped(-1, 'audio/crowd_quiet_5s.wav'),
    ...noises.flatMap((noise) => looped(3, noise.file)),
  ];
  const form = 'aformat=sample_rates=48000:channel_layouts=stereo';
  const pieces = noises.map((noise, index) => {
    const fadeS = Math.min(2, noise.seconds / 2);
    return (
      `[${index + 3}:a]${form},atrim=0:${noise.seconds},afade=t=out:st=${noise.seconds - fadeS}:d=${fadeS},` +
      `volume=${noise.gainDb}dB,adelay=${Math.round(noise.atS * 1000)}:all=1[n${index}]`
    );
  });
  const all = noises.map((_, index) => `[n${index}]`).join('');
  return {
    inputs,
    filter: [
      // Looped as samples: a looped file has a hole of silence at its seam.
      `[1:a]${form},atrim=0:32,aloop=loop=-1:size=${32 * 48_000},atrim=0:${durationS},volume=-8dB[talk]`,
      `[2:a]${form},atrim=0:${durationS},volume=-12dB[bed]`,
      ...pieces,
      `[talk][bed]${all}amix=inputs=${noises.length + 2}:normalize=0:duration=longest,alimiter=limit=0.95,atrim=0:${durationS}[a]`,
    ].join(';'),
  };
}

function looped(times: number, file: string): string[] {
  return ['-stream_loop', String(times), '-i', footage + file];
}

function run(args: readonly string[]): void {
  const done = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`building the broadcast failed: ${done.stderr.slice(-2000)}`);
}
