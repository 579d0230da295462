import assert from 'node:assert/strict';

import type { AacConfig } from './adts.ts';
import { parseSps, profilesWithChromaFormat, type SequenceParameters } from './parameter-sets.ts';

export interface VideoTrack {
  timescale: number;
  /** In decode order; the earliest `at` is 0. */
  samples: VideoSample[];
  duration: number;
  /** Every set that a sample refers to; ids must not clash. */
  sps: readonly Uint8Array[];
  pps: readonly Uint8Array[];
}

export interface VideoSample {
  /** When it is shown, in the track's timescale. */
  at: number;
  isIdr: boolean;
  nals: readonly Uint8Array[];
}

export interface SoundTrack {
  config: AacConfig;
  /** 1024 samples each. */
  frames: readonly Uint8Array[];
  /** Samples to leave out at the start: pre-roll that the decoder needs but nobody should hear. */
  skipSamples: number;
  /** Samples to be heard behind them. */
  playSamples: number;
}

/**
 * Writes an MP4 (ISO/IEC 14496-12, 14496-15) with everything that a player needs before the media ("faststart"), from
 * packets as they are. Own code because two things have to be exactly so, and neither mediabunny nor ffmpeg does both:
 * - Pictures have no edit list. Firefox and VLC ignore one for video and show what it should hide. Display order goes
 *   into signed composition offsets (ctts version 1), so the first picture is at 0 and decode times are even.
 * - Sound has one, so that it starts on the sample: AAC frames come every 21 ms and need the frame before to decode.
 */
export function writeMp4(video: VideoTrack, sound: SoundTrack | undefined): Uint8Array<ArrayBuffer> {
  const lengths = video.samples.map((sample) => sample.nals.reduce((sum, nal) => sum + 4 + nal.length, 0));
  const times = decodeTimes(video);
  const chunks = interleave(video, times, sound);
  const shape = parseSps(video.sps[0] ?? new Uint8Array());

  // The offsets need the size of what stands before the media, which has the same size with any offsets in it.
  const moovFor = (mediaStart: number): Uint8Array[] =>
    moov({ video, sound, lengths, times, chunks, shape, mediaStart });
  const ftyp = box('ftyp', text('isom'), u32(512), text('isomiso4avc1mp41'));
  const headBytes = size(ftyp) + size(moovFor(0));
  const mediaBytes = chunks.reduce((sum, chunk) => sum + chunkBytes(chunk, lengths, sound), 0);
  assert(headBytes + mediaBytes < 2 ** 32, 'an MP4 of less than 4 GiB, whose offsets have 32 bits');

  const file = new Uint8Array(headBytes + 8 + mediaBytes);
  let filled = 0;
  const put = (part: Uint8Array): void => {
    file.set(part, filled);
    filled += part.length;
  };
  for (const part of [...ftyp, ...moovFor(headBytes + 8), u32(8 + mediaBytes), text('mdat')]) put(part);
  for (const chunk of chunks) {
    for (let at = chunk.from; at < chunk.to; at += 1) {
      if (chunk.track === 'sound') put(sound?.frames[at] ?? new Uint8Array());
      else {
        for (const nal of video.samples[at]?.nals ?? []) {
          put(u32(nal.length));
          put(nal);
        }
      }
    }
  }
  assert(filled === file.length, 'as many bytes as were announced');
  return file;
}

/** Movie time: fine enough for edit lists that are exact to a sample of 48 kHz within 0.01 ms. */
const movieTimescale = 90_000;

/** Half a second of each track in turn: players that read on the way need no second connection. */
const chunkSeconds = 0.5;

interface Chunk {
  track: 'video' | 'sound';
  from: number;
  to: number;
}

interface Layout {
  video: VideoTrack;
  sound: SoundTrack | undefined;
  lengths: readonly number[];
  times: readonly number[];
  chunks: readonly Chunk[];
  shape: SequenceParameters;
  mediaStart: number;
}

/** The n-th picture in decode order is decoded when the n-th in display order is shown. */
function decodeTimes(video: VideoTrack): number[] {
  const times = video.samples.map((sample) => sample.at).toSorted((a, b) => a - b);
  assert(times[0] === 0, 'a first picture at 0');
  assert(
    times.every((time, nth) => nth === 0 || time > (times[nth - 1] ?? 0)),
    'pictures at different times',
  );
  return times;
}

function interleave(video: VideoTrack, times: readonly number[], sound: SoundTrack | undefined): Chunk[] {
  const chunks: Chunk[] = [];
  const rateHz = sound?.config.sampleRateHz ?? 1;
  let picture = 0;
  let frame = 0;
  for (
    let seconds = chunkSeconds;
    picture < times.length || frame < (sound?.frames.length ?? 0);
    seconds += chunkSeconds
  ) {
    const from = { picture, frame };
    while (picture < times.length && (times[picture] ?? 0) < seconds * video.timescale) picture += 1;
    while (frame < (sound?.frames.length ?? 0) && frame * 1024 < seconds * rateHz) frame += 1;
    if (picture > from.picture) chunks.push({ track: 'video', from: from.picture, to: picture });
    if (frame > from.frame) chunks.push({ track: 'sound', from: from.frame, to: frame });
  }
  return chunks;
}

function chunkBytes(chunk: Chunk, lengths: readonly number[], sound: SoundTrack | undefined): number {
  let bytes = 0;
  for (let at = chunk.from; at < chunk.to; at += 1) {
    bytes += chunk.track === 'video' ? (lengths[at] ?? 0) : (sound?.frames[at]?.length ?? 0);
  }
  return bytes;
}

function moov(layout: Layout): Uint8Array[] {
  const { video, sound } = layout;
  const videoMovieDuration = Math.round((video.duration * movieTimescale) / video.timescale);
  const soundMovieDuration = sound
    ? Math.round((sound.playSamples * movieTimescale) / sound.config.sampleRateHz)
    : 0;
  const duration = Math.max(videoMovieDuration, soundMovieDuration);
  const mvhd = fullBox(
    'mvhd',
    0,
    0,
    [u32(0), u32(0), u32(movieTimescale), u32(duration)],
    [u32(0x10000), u16(0x100), zeros(10), matrix, zeros(24), u32(3)],
  );
  return box(
    'moov',
    ...mvhd,
    ...videoTrak(layout, videoMovieDuration),
    ...(sound ? soundTrak(layout, sound, soundMovieDuration) : []),
  );
}

function videoTrak(layout: Layout, movieDuration: number): Uint8Array[] {
  const { video, lengths, times, shape } = layout;
  const durations = times.map((time, nth) => (times[nth + 1] ?? video.duration) - time);
  const offsets = video.samples.map((sample, nth) => sample.at - (times[nth] ?? 0));
  const syncs = video.samples.flatMap((sample, nth) => (sample.isIdr ? [u32(nth + 1)] : []));
  const displayWidth = Math.round((shape.width * shape.sar.num) / shape.sar.den);
  const stbl = box(
    'stbl',
    ...fullBox('stsd', 0, 0, [u32(1)], avc1(video, shape)),
    ...fullBox('stts', 0, 0, runLengths(durations, u32)),
    ...(offsets.some((offset) => offset !== 0)
      ? [...fullBox('ctts', 1, 0, runLengths(offsets, i32)), ...cslg(offsets, video.duration)]
      : []),
    ...(syncs.length < video.samples.length ? fullBox('stss', 0, 0, [u32(syncs.length)], syncs) : []),
    ...chunkTables(layout, 'video'),
    ...fullBox('stsz', 0, 0, [u32(0), u32(lengths.length)], lengths.map(u32)),
  );
  return box(
    'trak',
    ...tkhd({ id: 1, duration: movieDuration, width: displayWidth, height: shape.height, volume: 0 }),
    ...media({
      timescale: video.timescale,
      duration: video.duration,
      handler: 'vide',
      header: fullBox('vmhd', 0, 1, [zeros(8)]),
      stbl,
    }),
  );
}

function soundTrak(layout: Layout, sound: SoundTrack, movieDuration: number): Uint8Array[] {
  const { config, frames } = sound;
  const rateHz = config.sampleRateHz;
  const stbl = box(
    'stbl',
    ...fullBox('stsd', 0, 0, [u32(1)], mp4a(sound)),
    ...fullBox('stts', 0, 0, [u32(1), u32(frames.length), u32(1024)]),
    ...chunkTables(layout, 'sound'),
    ...fullBox(
      'stsz',
      0,
      0,
      [u32(0), u32(frames.length)],
      frames.map((frame) => u32(frame.length)),
    ),
    // Each frame needs the one before it (AAC overlap): "roll" -1, ISO/IEC 14496-12 §10.1.
    ...fullBox('sgpd', 1, 0, [text('roll'), u32(2), u32(1), i16(-1)]),
    ...fullBox('sbgp', 0, 0, [text('roll'), u32(1), u32(frames.length), u32(1)]),
  );
  const edit = fullBox('elst', 0, 0, [u32(1), u32(movieDuration), u32(sound.skipSamples), u32(0x10000)]);
  return box(
    'trak',
    ...tkhd({ id: 2, duration: movieDuration, width: 0, height: 0, volume: 0x100 }),
    ...box('edts', ...edit),
    ...media({
      timescale: rateHz,
      duration: frames.length * 1024,
      handler: 'soun',
      header: fullBox('smhd', 0, 0, [u32(0)]),
      stbl,
    }),
  );
}

function tkhd(track: {
  id: number;
  duration: number;
  width: number;
  height: number;
  volume: number;
}): Uint8Array[] {
  return fullBox(
    'tkhd',
    0,
    3,
    [u32(0), u32(0), u32(track.id), u32(0), u32(track.duration), zeros(8)],
    [u16(0), u16(track.volume === 0 ? 0 : 1), u16(track.volume), u16(0), matrix],
    [u32(track.width * 0x10000), u32(track.height * 0x10000)],
  );
}

function media(track: {
  timescale: number;
  duration: number;
  handler: 'vide' | 'soun';
  header: Uint8Array[];
  stbl: Uint8Array[];
}): Uint8Array[] {
  const und = 0x55c4; // ISO 639-2 "und", five bits a letter
  return box(
    'mdia',
    ...fullBox('mdhd', 0, 0, [u32(0), u32(0), u32(track.timescale), u32(track.duration), u16(und), u16(0)]),
    ...fullBox('hdlr', 0, 0, [u32(0), text(track.handler), zeros(12), text('Touchline\0')]),
    ...box(
      'minf',
      ...track.header,
      ...box('dinf', ...fullBox('dref', 0, 0, [u32(1)], fullBox('url ', 0, 1))),
      ...track.stbl,
    ),
  );
}

function chunkTables(layout: Layout, track: Chunk['track']): Uint8Array[] {
  const offsets: Uint8Array[] = [];
  const counts: number[] = [];
  let offset = layout.mediaStart;
  for (const chunk of layout.chunks) {
    if (chunk.track === track) {
      offsets.push(u32(offset));
      counts.push(chunk.to - chunk.from);
    }
    offset += chunkBytes(chunk, layout.lengths, layout.sound);
  }
  const changes = counts.flatMap((count, nth) =>
    count === counts[nth - 1] ? [] : [u32(nth + 1), u32(count), u32(1)],
  );
  return [
    ...fullBox('stsc', 0, 0, [u32(changes.length / 3)], changes),
    ...fullBox('stco', 0, 0, [u32(offsets.length)], offsets),
  ];
}

/** Signed offsets should come with their range (ISO/IEC 14496-12 §8.6.1.4); QuickTime reads it. */
function cslg(offsets: readonly number[], duration: number): Uint8Array[] {
  const least = offsets.reduce((a, b) => Math.min(a, b), 0);
  const greatest = offsets.reduce((a, b) => Math.max(a, b), 0);
  return fullBox('cslg', 0, 0, [i32(-least), i32(least), i32(greatest), i32(0), i32(duration)]);
}

function avc1(video: VideoTrack, shape: SequenceParameters): Uint8Array[] {
  const colour = shape.colour && [
    ...box(
      'colr',
      text('nclx'),
      u16(shape.colour.primaries),
      u16(shape.colour.transfer),
      u16(shape.colour.matrix),
      Uint8Array.of(shape.colour.isFullRange ? 0x80 : 0),
    ),
  ];
  return box(
    'avc1',
    zeros(6),
    u16(1),
    zeros(16),
    u16(shape.width),
    u16(shape.height),
    u32(0x480000),
    u32(0x480000),
    u32(0),
    u16(1),
    zeros(32),
    u16(0x18),
    u16(0xffff),
    ...avcC(video),
    ...box('pasp', u32(shape.sar.num), u32(shape.sar.den)),
    ...(colour ?? []),
  );
}

/** ISO/IEC 14496-15 §5.3.3.1. Level and constraints have to hold for every set in it. */
function avcC(video: VideoTrack): Uint8Array[] {
  const sets = video.sps.map(parseSps);
  const profileIdc = Math.max(...sets.map((set) => set.profileIdc));
  const levelIdc = Math.max(...sets.map((set) => set.levelIdc));
  const constraints = sets.reduce((all, set) => all & set.constraintFlags, 0xff);
  const first = sets[0];
  const extension =
    first && profilesWithChromaFormat.has(profileIdc)
      ? [
          Uint8Array.of(
            0xfc | first.chromaFormatIdc,
            0xf8 | (first.bitDepthLuma - 8),
            0xf8 | (first.bitDepthChroma - 8),
            0,
          ),
        ]
      : [];
  return box(
    'avcC',
    Uint8Array.of(1, profileIdc, constraints, levelIdc, 0xff, 0xe0 | video.sps.length),
    ...video.sps.flatMap(lengthPrefixed),
    Uint8Array.of(video.pps.length),
    ...video.pps.flatMap(lengthPrefixed),
    ...extension,
  );
}

function lengthPrefixed(set: Uint8Array): Uint8Array[] {
  return [u16(set.length), set];
}

function mp4a(sound: SoundTrack): Uint8Array[] {
  const { specificConfig, channelCount, sampleRateHz } = sound.config;
  // ISO/IEC 14496-1 §7.2.6: descriptors with one-byte lengths.
  const specific = [Uint8Array.of(5, specificConfig.length), specificConfig];
  const decoder = [Uint8Array.of(4, 13 + size(specific), 0x40, 0x15, 0, 0, 0), u32(0), u32(0), ...specific];
  const stream = [
    Uint8Array.of(3, 3 + size(decoder) + 3),
    u16(2),
    Uint8Array.of(0),
    ...decoder,
    Uint8Array.of(6, 1, 2),
  ];
  return box(
    'mp4a',
    zeros(6),
    u16(1),
    zeros(8),
    u16(channelCount),
    u16(16),
    u32(0),
    // 16.16 fixed point ends at 65535 Hz; above it the specific config alone counts.
    u32(sampleRateHz < 0x10000 ? sampleRateHz * 0x10000 : 0),
    ...fullBox('esds', 0, 0, stream),
  );
}

function runLengths(values: readonly number[], write: (value: number) => Uint8Array): Uint8Array[] {
  const runs: { value: number; count: number }[] = [];
  for (const value of values) {
    const last = runs.at(-1);
    if (last?.value === value) last.count += 1;
    else runs.push({ value, count: 1 });
  }
  return [u32(runs.length), ...runs.flatMap((run) => [u32(run.count), write(run.value)])];
}

function box(type: string, ...parts: readonly Uint8Array[]): Uint8Array[] {
  return [u32(8 + size(parts)), text(type), ...parts];
}

function fullBox(
  type: string,
  version: number,
  flags: number,
  ...parts: readonly Uint8Array[][]
): Uint8Array[] {
  return box(type, u32(version * 2 ** 24 + flags), ...parts.flat());
}

function size(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function i32(value: number): Uint8Array {
  return u32(value >>> 0);
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

function i16(value: number): Uint8Array {
  return u16(value & 0xffff);
}

function zeros(count: number): Uint8Array {
  return new Uint8Array(count);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** Shown as it is, neither turned nor scaled. */
const matrix = new Uint8Array(
  [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000].flatMap((value) => [...u32(value)]),
);
