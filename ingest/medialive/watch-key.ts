/** A pipeline of a MediaLive channel. SINGLE_PIPELINE has 0 alone. */
export type Pipeline = 0 | 1;

/** What the key of a segment says: MediaLive writes `$dt$` and its counter into the name. */
export interface SegmentPlace {
  channelId: string;
  runId: string;
  pipeline: Pipeline;
  /** The last part of the key, as the playlist beside it names it. */
  name: string;
  /** `$dt$`: when the segment began, UTC, cut to whole seconds. */
  stampMs: number;
  /** Restarts with the pipeline: only together with `stampMs` it names a segment. */
  counter: number;
}

/** Everything that MediaLive writes for one run; ends with a slash. */
export function runFolder(prefix: string, run: { channelId: string; runId: string }): string {
  return `${layoutRoot(prefix)}${run.channelId}/${run.runId}/`;
}

/** Ends with a slash. */
export function pipelineFolder(folder: string, pipeline: Pipeline): string {
  return `${folder}p${pipeline}/`;
}

export const playlistName = 'v.m3u8';

/** What lies in the folder of every channel starts with it. */
export function layoutRoot(prefix: string): string {
  return `${prefix === '' ? '' : `${prefix}/`}medialive/`;
}

/** Undefined for a key that is not of a segment of ours. */
export function readSegmentKey(prefix: string, key: string): SegmentPlace | undefined {
  const root = layoutRoot(prefix);
  const parts = key.startsWith(root) ? keyPattern.exec(key.slice(root.length)) : null;
  const [, channelId, runId, pipeline, name] = parts ?? [];
  if (channelId === undefined || runId === undefined || name === undefined) return undefined;
  const place = readSegmentName(name);
  return place && { channelId, runId, pipeline: pipeline === '1' ? 1 : 0, name, ...place };
}

export function readSegmentName(name: string): { stampMs: number; counter: number } | undefined {
  const [, stamp, counter] = namePattern.exec(name) ?? [];
  if (stamp === undefined || counter === undefined) return undefined;
  const iso = stamp.replace(/(....)(..)(..)T(..)(..)(..)/, '$1-$2-$3T$4:$5:$6.000Z');
  const stampMs = Date.parse(iso);
  // "20260231": a date that does not exist is another one, or none.
  if (Number.isNaN(stampMs) || new Date(stampMs).toISOString() !== iso) return undefined;
  return { stampMs, counter: Number(counter) };
}

/** Sorts before every segment that began at or after `stampMs`, and after those that began a second earlier. */
export function nameFloor(stampMs: number): string {
  const floor = new Date(Math.max(0, Math.floor(stampMs / 1000) * 1000)).toISOString();
  return `v_${floor.slice(0, 19).replaceAll(/[-:]/g, '')}`;
}

const keyPattern = /^([a-z0-9_]{1,80})\/([a-z0-9_]{1,80})\/p([01])\/([^/]{1,80})$/;
/** Five digits, and more after 99,999 segments: four days at 4 s. */
const namePattern = /^v_(\d{8}T\d{6})_(\d{5,9})\.ts$/;
