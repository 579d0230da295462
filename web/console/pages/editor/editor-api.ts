import type { ClipSidecar } from '../../../../core/clip.ts';
import type { ClipContext, ClipEdit, EditEntry, EditWish } from '../../../api/schemas/edit.ts';
import { ask, askWhole } from '../../api.ts';
import type { Curve } from '../../timeline/timeline-data.ts';
import { cutTicksOf, type FrameClock, frameOfCut, runMsOf } from './frame-clock.ts';
import { readSound } from './read-sound.ts';

export type Decision = ClipEdit['decision'];

/** What an editor changes. Frames count from the first one of the context file; `outFrame` is not shown any more. */
export interface Draft {
  inFrame: number;
  outFrame: number;
  /** 0 (left) to 1 (right) of the room there is. */
  crop: { '9:16': number; '1:1': number };
  title: string;
  tags: readonly string[];
}

/** The clip as the server holds it. */
export interface ClipState extends Omit<ClipEdit, 'frameRate'> {
  /** What the next save names. */
  etag: string;
  draft: Draft;
  /** Of the newest save; undefined for a cut that nobody has touched. */
  newest: EditEntry | undefined;
}

/** The clip with a minute to either side. */
export interface ContextFile {
  url: string;
  clock: FrameClock;
  width: number;
  height: number;
  sound: Curve | undefined;
}

const pollMs = 700;
/** Two minutes of video are joined without being encoded anew, in a few seconds; a busy fleet takes longer. */
const pollsMax = 170;

/** Has the file made where it is not there yet, and waits for it. @throws ApiError; Error when it cannot be made */
export async function readContext(clipId: string, stop: AbortSignal): Promise<ContextFile> {
  const path = `/clips/${clipId}/context`;
  let body = await ask<ClipContext>(path, { method: 'POST', signal: stop });
  for (let nth = 0; body.state === 'making' && nth < pollsMax && !stop.aborted; nth += 1) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    body = await ask<ClipContext>(path, { signal: stop });
  }
  const { url, frameRate, frameCount, width, height, start90k, gaps, why } = body;
  if (url === null || frameRate === null || frameCount === 0) {
    throw new Error(
      why ??
        (body.state === 'making' ? 'The file to trim in is not ready yet' : 'There is no picture to trim'),
    );
  }
  const clock = {
    startMs: start90k / 90,
    rate: frameRate,
    frameCount,
    gaps: gaps.map((gap) => ({ fromMs: gap.start90k / 90, toMs: gap.end90k / 90 })),
  };
  // What is heard helps, and is not needed.
  const sound =
    body.waveformUrl === null
      ? undefined
      : await readSound(body.waveformUrl, (fileMs) => runMsOf(clock, fileMs)).catch(() => undefined);
  return {
    url,
    clock,
    width,
    height,
    sound,
  };
}

export async function readClipState(clipId: string, clock: FrameClock): Promise<ClipState> {
  const { body, etag } = await askWhole<ClipEdit>(`/clips/${clipId}/edit`);
  return stateOf(body, etag, clock);
}

/** What the clip's own file holds. */
export function readClipFile(clipId: string): Promise<ClipSidecar> {
  return ask<ClipSidecar>(`/clips/${clipId}/sidecar`);
}

/** @throws ApiError with status 412 when somebody else has saved since `base` was read */
export async function saveEdit(
  clipId: string,
  wish: { draft: Draft; base: ClipState; clock: FrameClock },
): Promise<ClipState> {
  const { draft, base, clock } = wish;
  const cut = cutTicksOf(clock, draft);
  const body: EditWish = {
    // An end that nobody moved keeps its tick: a new title alone is no new cut.
    in90k: draft.inFrame === base.draft.inFrame ? base.wanted.in90k : cut.in90k,
    out90k: draft.outFrame === base.draft.outFrame ? base.wanted.out90k : cut.out90k,
    cropVertical: draft.crop['9:16'],
    cropSquare: draft.crop['1:1'],
    title: draft.title.trim(),
    tags: [...draft.tags],
  };
  const saved = await askWhole<ClipEdit>(`/clips/${clipId}/edit`, {
    method: 'PUT',
    ifMatch: base.etag,
    body,
  });
  return stateOf(saved.body, saved.etag, clock);
}

/** Back to the model's cut, as a new version. */
export async function resetEdit(
  clipId: string,
  { base, clock }: { base: ClipState; clock: FrameClock },
): Promise<ClipState> {
  const { body, etag } = await askWhole<ClipEdit>(`/clips/${clipId}/edit`, {
    method: 'DELETE',
    ifMatch: base.etag,
  });
  return stateOf(body, etag, clock);
}

/** Another chance for a cut that died, as a new version. @throws ApiError with status 409 when it is not dead any more */
export async function recutClip(clipId: string, clock: FrameClock): Promise<ClipState> {
  const { body, etag } = await askWhole<ClipEdit>(`/clips/${clipId}/recut`, { method: 'POST' });
  return stateOf(body, etag, clock);
}

export function decideMoment(momentId: string, decision: Decision): Promise<unknown> {
  return ask(`/moments/${momentId}/decision`, { method: 'POST', body: { decision } });
}

function stateOf(body: ClipEdit, etag: string | undefined, clock: FrameClock): ClipState {
  const { wanted } = body;
  return {
    ...body,
    etag: etag ?? `"${body.version}"`,
    newest: body.history[0],
    draft: {
      inFrame: frameOfCut(clock, wanted.in90k),
      outFrame: frameOfCut(clock, wanted.out90k),
      crop: { '9:16': wanted.cropVertical, '1:1': wanted.cropSquare },
      title: wanted.title,
      tags: wanted.tags,
    },
  };
}
