import type { ClipMade, ClipRevision } from '../core/clip.ts';
import { TouchlineError } from '../core/errors.ts';
import { frameRateOf, ticksPerSecond, type FrameRate } from '../core/media-time.ts';

/** What a plan has to know of a picture. Pictures come in decode order. */
export interface PlanPicture {
  pts90k: number;
  isIdr: boolean;
  /** Identity tells one decoder configuration from another. */
  config: object;
  /** Counts the gaps before it. */
  stretch: number;
}

export interface ClipRequest {
  revision: ClipRevision;
  in90k: number;
  /** Exclusive. */
  out90k: number;
}

/** One picture of the clip. */
interface PlannedPicture {
  /** Place in decode order, in the list that was planned from. */
  source: number;
  /** Time in the clip, in `timescale`. */
  at: number;
}

/** `copy`: the packets as they came. `encode`: decoded and encoded again. */
export interface Piece {
  kind: 'copy' | 'encode';
  /** Places in the list that was planned from, in decode order, of the pictures that are shown. */
  sources: number[];
}

export interface ClipPlan {
  made: ClipMade;
  /** Why it was not made in the cheaper way; undefined when it was. */
  because: string | undefined;
  /** Ticks a second of `at`, `duration` and `frameDuration`; divides the frame rate where that is constant. */
  timescale: number;
  /** Ticks from one picture to the next; undefined when the source keeps no constant rate. */
  frameDuration: number | undefined;
  frameRate: FrameRate | undefined;
  duration: number;
  /** In the order of display. */
  pictures: PlannedPicture[];
  pieces: Piece[];
  /** Which run time lies where in the clip: one entry for each stretch between gaps. */
  stretches: Stretch[];
  /** Of the pictures that are in the clip. */
  in90k: number;
  out90k: number;
  gaps: { start90k: number; end90k: number }[];
  notes: string[];
}

export interface Stretch {
  /** Run time of its first picture, smoothed over the stretch: may have fractions. */
  start90k: number;
  end90k: number;
  /** Where it starts in the clip, in `timescale`. */
  at: number;
}

/**
 * Decides which pictures a clip shows, when, and which of them have to be encoded again. Pure.
 *
 * The exact revision shows the first picture with pts >= in up to the last with pts < out, moved into what exists. The
 * fast one starts at the keyframe before. Gaps are closed up and named: a picture that stands still for the length of
 * a gap looks like a fault of the file.
 *
 * @param isUnusual says in words why a configuration must not be copied in part; undefined for an ordinary one
 * @throws TouchlineError `clip.no-media` when nothing of what was asked for exists, `clip.empty` when out <= in
 */
export function planClip(
  request: ClipRequest,
  source: { pictures: readonly PlanPicture[]; gaps: readonly { start90k: number; end90k: number }[] },
  isUnusual: (config: object) => string | undefined = () => undefined,
): ClipPlan {
  const { pictures } = source;
  if (request.out90k <= request.in90k) {
    throw new TouchlineError({
      code: 'clip.empty',
      message: `a clip must end after it starts (in ${request.in90k}, out ${request.out90k}, 90 kHz ticks)`,
      retryable: false,
      blame: 'caller',
    });
  }
  const byTime = pictures
    .map((_, place) => place)
    .toSorted((a, b) => timeOf(pictures, a) - timeOf(pictures, b));
  const wanted = byTime.filter(
    (place) => timeOf(pictures, place) >= request.in90k && timeOf(pictures, place) < request.out90k,
  );
  const first = wanted[0];
  if (first === undefined) throw nothingThere(request, pictures, byTime);

  const choice =
    request.revision === 'fast' ? chooseFast(pictures, wanted) : chooseExact(pictures, wanted, isUnusual);
  const timing = layOut(pictures, choice.shown);
  const gaps = source.gaps.filter((gap) => gap.end90k > timing.in90k && gap.start90k < timing.out90k);
  return {
    ...timing,
    made: choice.made,
    because: choice.because,
    pieces: choice.pieces,
    gaps,
    notes: describe(request, timing, gaps),
  };
}

interface Choice {
  made: ClipMade;
  because: string | undefined;
  pieces: Piece[];
  /** In the order of display. */
  shown: number[];
}

/** From the keyframe before the first wanted picture up to the last one, as it lies in the stream. */
function chooseFast(pictures: readonly PlanPicture[], wanted: readonly number[]): Choice {
  const start = lastIdr(pictures, wanted[0] ?? 0);
  if (start === undefined) return encodeAll(pictures, wanted, 'no keyframe (IDR) lies before the clip');
  // Up to the next place where decode order and display order meet: a few pictures late, and none left out between.
  const sources = places(start, nextMeetingPlace(pictures, Math.max(...wanted) + 1));
  const why = whyNotJoined(pictures, sources);
  if (why !== undefined) return encodeAll(pictures, wanted, why);
  const shown = sources.toSorted((a, b) => timeOf(pictures, a) - timeOf(pictures, b));
  return { made: 'copy', because: undefined, pieces: [{ kind: 'copy', sources }], shown };
}

/**
 * Smart cut: encode up to the first IDR, copy from there, encode what follows the last place where decode order and
 * display order meet. Up to such a place every picture that is decoded is also shown before `out`, and nothing that is
 * shown later is needed: the clip has exactly the pictures that were asked for.
 */
function chooseExact(
  pictures: readonly PlanPicture[],
  wanted: readonly number[],
  isUnusual: (config: object) => string | undefined,
): Choice {
  const first90k = timeOf(pictures, wanted[0] ?? 0);
  const last90k = timeOf(pictures, wanted.at(-1) ?? 0);
  const configs = new Set(wanted.map((place) => pictures[place]?.config));
  for (const config of configs) {
    const why = config && isUnusual(config);
    if (why) return encodeAll(pictures, wanted, why);
  }
  if (configs.size > 1) return encodeAll(pictures, wanted, settingsChange);
  const copyStart = pictures.findIndex((p) => p.isIdr && p.pts90k >= first90k && p.pts90k <= last90k);
  if (copyStart < 0) return encodeAll(pictures, wanted, 'no keyframe (IDR) lies inside the clip');
  const why = whyNotJoined(pictures, places(copyStart, Math.max(...wanted) + 1));
  if (why !== undefined) return encodeAll(pictures, wanted, why);

  const copyEnd = lastMeetingPlace(pictures, copyStart, last90k);
  const copied = places(copyStart, copyEnd);
  const copied90k = Math.max(...copied.map((place) => timeOf(pictures, place)));
  const head = wanted.filter((place) => timeOf(pictures, place) < timeOf(pictures, copyStart));
  const tail = wanted.filter((place) => timeOf(pictures, place) > copied90k);
  if (head[0] !== undefined && lastIdr(pictures, head[0]) === undefined) {
    return encodeAll(pictures, wanted, 'no keyframe (IDR) lies before the clip');
  }
  const pieces: Piece[] = [
    ...(head.length > 0 ? [{ kind: 'encode' as const, sources: head.toSorted(ascending) }] : []),
    { kind: 'copy', sources: copied },
    ...(tail.length > 0 ? [{ kind: 'encode' as const, sources: tail.toSorted(ascending) }] : []),
  ];
  return { made: pieces.length === 1 ? 'copy' : 'smart', because: undefined, pieces, shown: [...wanted] };
}

/** One piece for each configuration in turn. */
function encodeAll(pictures: readonly PlanPicture[], wanted: readonly number[], because: string): Choice {
  const pieces: Piece[] = [];
  let config: object | undefined;
  for (const place of wanted.toSorted(ascending)) {
    const picture = pictures[place];
    if (picture && picture.config !== config) {
      config = picture.config;
      pieces.push({ kind: 'encode', sources: [] });
    }
    pieces.at(-1)?.sources.push(place);
  }
  return { made: 'encode', because, pieces, shown: [...wanted] };
}

const settingsChange = 'the encoder settings of the feed change inside the clip';

/** Copied packets need one configuration, and an IDR behind every gap. */
function whyNotJoined(pictures: readonly PlanPicture[], sources: readonly number[]): string | undefined {
  let previous: PlanPicture | undefined;
  for (const place of sources) {
    const picture = pictures[place];
    if (!picture) continue;
    if (previous && picture.config !== previous.config) return settingsChange;
    if (picture.stretch !== previous?.stretch && !picture.isIdr) {
      return 'the stream has no IDR keyframe where copying must start';
    }
    previous = picture;
  }
  return undefined;
}

/** The last place from `start` on before which, in decode order, lie exactly the pictures shown up to some time <= `last90k`. */
function lastMeetingPlace(pictures: readonly PlanPicture[], start: number, last90k: number): number {
  let best = start + 1;
  for (const { place, latest90k } of meetingPlaces(pictures, start)) {
    if (latest90k > last90k) break;
    best = place;
  }
  return best;
}

function nextMeetingPlace(pictures: readonly PlanPicture[], from: number): number {
  const next = meetingPlaces(pictures, 0).find(({ place }) => place >= from);
  return next?.place ?? pictures.length;
}

/** Places in decode order before which every picture is shown earlier than every picture behind. */
function meetingPlaces(
  pictures: readonly PlanPicture[],
  start: number,
): { place: number; latest90k: number }[] {
  const earliestFrom: number[] = Array.from({ length: pictures.length + 1 }, () => Infinity);
  for (let place = pictures.length - 1; place >= start; place -= 1) {
    earliestFrom[place] = Math.min(timeOf(pictures, place), earliestFrom[place + 1] ?? Infinity);
  }
  const found: { place: number; latest90k: number }[] = [];
  let latest90k = -Infinity;
  for (let place = start; place < pictures.length; place += 1) {
    latest90k = Math.max(latest90k, timeOf(pictures, place));
    if (latest90k < (earliestFrom[place + 1] ?? Infinity)) found.push({ place: place + 1, latest90k });
  }
  return found;
}

/** The IDR that decoding of `place` has to start from. */
export function lastIdr(pictures: readonly PlanPicture[], place: number): number | undefined {
  const stretch = pictures[place]?.stretch;
  for (let at = place; at >= 0 && pictures[at]?.stretch === stretch; at -= 1) {
    if (pictures[at]?.isIdr && timeOf(pictures, at) <= timeOf(pictures, place)) return at;
  }
  return undefined;
}

type Timing = Pick<
  ClipPlan,
  'timescale' | 'frameDuration' | 'frameRate' | 'duration' | 'pictures' | 'stretches' | 'in90k' | 'out90k'
>;

/**
 * Publishers round time stamps to whole ms (RTMP does), so 29.97 fps arrives as 33, 33, 34 ms. Where every picture lies
 * within this of an even grid, the clip has the grid: editors take uneven files for variable frame rate. 1 ms is the
 * rounding of a publisher that cuts off instead of rounding; the rest is that of 90 kHz.
 */
const gridError90kMax = 95;

/** Times in the clip, from 0, gaps closed up. */
function layOut(pictures: readonly PlanPicture[], shown: readonly number[]): Timing {
  const groups = new Map<number, number[]>();
  for (const place of shown) {
    const stretch = pictures[place]?.stretch ?? 0;
    groups.set(stretch, [...(groups.get(stretch) ?? []), place]);
  }
  const frameRate = measureRate(pictures, new Set(groups.keys()));
  const period90k = frameRate ? (ticksPerSecond * frameRate.den) / frameRate.num : ticksPerSecond / 25;
  const grids = [...groups.values()].map((group) => fitGrid(pictures, group, period90k));
  const isEven = grids.every((grid) => grid.isEven);
  const scale = frameRate?.den === 1 ? 1000 : 1;
  const timescale = isEven && frameRate ? frameRate.num * scale : ticksPerSecond;
  const frameDuration = isEven && frameRate ? frameRate.den * scale : undefined;

  const planned: PlannedPicture[] = [];
  const stretches: Stretch[] = [];
  let end = 0;
  for (const [index, group] of [...groups.values()].entries()) {
    const grid = grids[index];
    const start = end;
    const start90k = isEven && grid ? grid.start90k : timeOf(pictures, group[0] ?? 0);
    for (const [nth, place] of group.entries()) {
      const at =
        frameDuration === undefined
          ? start + timeOf(pictures, place) - start90k
          : start + (grid?.steps[nth] ?? nth) * frameDuration;
      // Two pictures with one time stamp would be a sample without duration.
      planned.push({
        source: place,
        at: Math.max(at, end === start && nth === 0 ? at : (planned.at(-1)?.at ?? 0) + 1),
      });
    }
    end = (planned.at(-1)?.at ?? 0) + (frameDuration ?? Math.round(period90k));
    stretches.push({ start90k, end90k: start90k + ((end - start) * ticksPerSecond) / timescale, at: start });
  }
  return {
    timescale,
    frameDuration,
    frameRate,
    duration: end,
    pictures: planned,
    stretches,
    in90k: timeOf(pictures, shown[0] ?? 0),
    out90k: Math.round(timeOf(pictures, shown.at(-1) ?? 0) + period90k),
  };
}

/** From all that is there, so that a clip of one picture has a rate too; holes do not count. */
function measureRate(
  pictures: readonly PlanPicture[],
  stretches: ReadonlySet<number>,
): FrameRate | undefined {
  const times = pictures
    .filter((picture) => stretches.has(picture.stretch))
    .map((picture) => picture.pts90k)
    .toSorted(ascending);
  const steps = times.slice(1).map((time, nth) => time - (times[nth] ?? 0));
  const usual = steps.toSorted(ascending)[Math.floor(steps.length / 2)] ?? 0;
  let end90k = 0;
  const joined = steps.filter((step) => step <= usual * 1.5).map((step) => (end90k += step));
  return frameRateOf([0, ...joined]);
}

interface Grid {
  steps: number[];
  isEven: boolean;
  /** Time of step 0 that fits all pictures best. */
  start90k: number;
}

function fitGrid(pictures: readonly PlanPicture[], group: readonly number[], period90k: number): Grid {
  const first90k = timeOf(pictures, group[0] ?? 0);
  const steps = group.map((place) => Math.round((timeOf(pictures, place) - first90k) / period90k));
  const residuals = group.map(
    (place, nth) => timeOf(pictures, place) - first90k - (steps[nth] ?? 0) * period90k,
  );
  const low = residuals.reduce((a, b) => Math.min(a, b), 0);
  const high = residuals.reduce((a, b) => Math.max(a, b), 0);
  const mean = residuals.reduce((sum, residual) => sum + residual, 0) / residuals.length;
  const isRising = steps.every((step, nth) => nth === 0 || step > (steps[nth - 1] ?? 0));
  return { steps, isEven: isRising && high - low <= gridError90kMax, start90k: first90k + mean };
}

/** Moves of less than this are the frame grid, not worth a sentence: one frame at 24 fps. */
const moveWorthANote90k = 3754;

function describe(request: ClipRequest, timing: Timing, gaps: ClipPlan['gaps']): string[] {
  const notes: string[] = [];
  const early90k = request.in90k - timing.in90k;
  if (early90k > 0) notes.push(`starts ${seconds(early90k)} s early, at the keyframe before`);
  if (-early90k > moveWorthANote90k) {
    notes.push(`starts ${seconds(-early90k)} s late: there is no picture before`);
  }
  const short90k = request.out90k - timing.out90k;
  if (short90k > moveWorthANote90k)
    notes.push(`ends ${seconds(short90k)} s early: there is no picture behind`);
  for (const gap of gaps) {
    notes.push(
      `${seconds(gap.end90k - gap.start90k)} s are missing at ${seconds(gap.start90k)} s of the run, closed up`,
    );
  }
  if (timing.frameDuration === undefined) notes.push('the feed keeps no constant frame rate');
  return notes;
}

/** For people: `1.20`. */
export function seconds(ticks: number): string {
  return (ticks / ticksPerSecond).toFixed(2);
}

function nothingThere(
  request: ClipRequest,
  pictures: readonly PlanPicture[],
  byTime: readonly number[],
): TouchlineError {
  const from = timeOf(pictures, byTime[0] ?? 0);
  const to = timeOf(pictures, byTime.at(-1) ?? 0);
  return new TouchlineError({
    code: 'clip.no-media',
    message: `no picture lies between ${request.in90k} and ${request.out90k}: its segments hold ${from} to ${to} (90 kHz ticks of the run)`,
    retryable: false,
    blame: 'input',
  });
}

function places(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, at) => start + at);
}

function ascending(a: number, b: number): number {
  return a - b;
}

function timeOf(pictures: readonly PlanPicture[], place: number): number {
  return pictures[place]?.pts90k ?? Number.NaN;
}
