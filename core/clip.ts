import { z } from 'zod';

import { moment } from './moment.ts';

/** `fast` is there at once and starts up to one GOP early; `exact` replaces it under the same id and address. */
export const clipRevision = z.enum(['fast', 'exact']);

/** How the pictures of the main rendition were made: stream copy, re-encoded head only, or re-encoded whole. */
const clipMade = z.enum(['copy', 'smart', 'encode']);

/** Named output shapes. `wide` is the clip itself, 16:9 as it came. */
export const preset = z.enum(['wide', 'vertical', 'square', 'proxy', 'thumbnail', 'waveform']);

const rendition = z.object({
  preset,
  key: z.string(),
  contentType: z.string(),
  bytes: z.int().positive(),
  sha256: z.string(),
  /** 0 for stills. */
  durationMs: z.int().nonnegative(),
  width: z.int().nonnegative(),
  height: z.int().nonnegative(),
  /**
   * For those that show the whole clip: the picture at the moment's peak was found in this file, at its place. Absent for
   * stills and sound, which hold no such place.
   */
  proven: z.boolean().optional(),
  /** Of the edit that it was made from; 0 or absent: of none. */
  editVersion: z.int().nonnegative().optional(),
});

/** What an editor wanted besides in and out. */
export const clipEdit = z.object({
  /** From 1; a later one replaces an earlier one, never the other way round. */
  version: z.int().positive(),
  /** Middle of the crop, 0 (left) to 1 (right) of the room that there is. */
  cropVertical: z.number().min(0).max(1),
  cropSquare: z.number().min(0).max(1),
  title: z.string(),
  tags: z.array(z.string()),
});

/**
 * The sidecar `<clip id>.json`, `touchline.clip/v1`: everything a team needs to use the clip without asking us.
 * Written after every file that it names. Times are ms on the run's timeline unless named otherwise.
 */
export const clipSidecar = z.object({
  schema: z.literal('touchline.clip/v1'),
  id: z.string(),
  channelId: z.string(),
  runId: z.string(),
  revision: clipRevision,
  made: clipMade,
  /**
   * True when the picture at the moment's peak was found at its place in the finished wide file: decoded and compared with
   * the source's; in a fast revision that is a copy, byte for byte, with everything it is decoded from.
   */
  proven: z.boolean(),
  /** What was asked for, on the run's 90 kHz timeline; `out90k` is exclusive. */
  requested: z.object({ in90k: z.int(), out90k: z.int() }),
  /** What the file holds. A fast revision starts at the keyframe before `requested.in90k`. */
  actual: z.object({ in90k: z.int(), out90k: z.int() }),
  /** Wall clock of the first picture in the file, ms since 1970. */
  startWallMs: z.int(),
  frameCount: z.int().nonnegative(),
  frameRate: z.object({ num: z.int().positive(), den: z.int().positive() }).nullable(),
  /** Stretches of the clip for which no media exists. Empty in the ordinary case. */
  gaps: z.array(z.object({ start90k: z.int(), end90k: z.int() })),
  /** For people: "starts 0.8 s early", "sound missing", "not proven: ...". */
  notes: z.array(z.string()),
  moment,
  /** Absent for a clip that nobody has edited. */
  edit: clipEdit.optional(),
  renditions: z.array(rendition),
});

export type ClipRevision = z.infer<typeof clipRevision>;
export type ClipMade = z.infer<typeof clipMade>;
export type Preset = z.infer<typeof preset>;
export type Rendition = z.infer<typeof rendition>;
export type ClipEdit = z.infer<typeof clipEdit>;
export type ClipSidecar = z.infer<typeof clipSidecar>;

/** Folder of a clip in the store; everything of the clip lies in it. */
export function clipFolder(clip: { channelId: string; runId: string; clipId: string }): string {
  return `clips/${clip.channelId}/${clip.runId}/${clip.clipId}`;
}

export function sidecarKey(clip: { channelId: string; runId: string; clipId: string }): string {
  return `${clipFolder(clip)}/${clip.clipId}.json`;
}

/**
 * What a file of a clip is called where it is downloaded, and where an exported timeline looks for it: `clp_...-exact-....wide.mp4`. Keys hold
 * `[A-Za-z0-9._-]` alone, so the name needs no escaping.
 */
export function clipFileName(key: string): string {
  const [folder, file = ''] = key.split('/').slice(-2);
  return file.startsWith('clp_') ? file : `${folder}-${file}`;
}
