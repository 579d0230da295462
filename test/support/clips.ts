import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Encoder } from '../../clipper/commands.ts';
import { cutClip, type CutHost } from '../../clipper/cut-clip.ts';
import type { ClipEdit, ClipSidecar, Preset } from '../../core/clip.ts';
import { systemClock } from '../../core/clock.ts';
import type { CutJob } from '../../core/jobs.ts';
import { silentLog } from '../../core/log.ts';
import { ticksPerSecond } from '../../core/media-time.ts';
import type { TestSegments } from './segments.ts';

/** A clip cut into a temporary folder, with every call to the host in order. */
export interface CutOnDisk {
  sidecar: ClipSidecar;
  /** File of a rendition. */
  pathOf(preset: Preset): string;
  bodyOf(preset: Preset): Uint8Array;
  calls: string[];
}

export interface TestCut {
  inSeconds: number;
  outSeconds: number;
  revision?: 'fast' | 'exact';
  peakSeconds?: number;
  presets?: Preset[];
  loudnessLufs?: number;
  encoder?: Encoder;
  edit?: ClipEdit;
}

/** A folder for the clips of one test file; call `remove` when done. */
export function clipFolderOnDisk(): {
  cut(
    segments: TestSegments,
    cut: TestCut,
    host?: Partial<CutHost>,
    signal?: AbortSignal,
  ): Promise<CutOnDisk>;
  path: string;
  remove(): void;
} {
  const path = mkdtempSync(join(tmpdir(), 'touchline-clips-'));
  return {
    path,
    remove: () => rmSync(path, { recursive: true }),
    cut: async (segments, cut, changes = {}, signal = new AbortController().signal) => {
      const folder = mkdtempSync(join(path, 'cut-'));
      const bodies = new Map<string, Uint8Array>();
      const calls: string[] = [];
      const host: CutHost = {
        readSegment: (segment) => Promise.resolve(segments.bytesOf(segment)),
        putObject: (key, body) => {
          calls.push(`put ${key}`);
          bodies.set(key, body);
          return Promise.resolve({ bytes: body.length, sha256: sha256(body) });
        },
        putSidecar: (key) => {
          calls.push(`sidecar ${key}`);
          return Promise.resolve();
        },
        workFolder: () => Promise.resolve(mkdtempSync(join(path, 'work-'))),
        ...changes,
      };
      const sidecar = await cutClip(cutJobFor(segments, cut), host, {
        log: silentLog,
        clock: systemClock,
        signal,
        ...(cut.encoder ? { encoder: cut.encoder } : {}),
      });
      const keyOf = (preset: Preset): string =>
        sidecar.renditions.find((rendition) => rendition.preset === preset)?.key ?? '';
      for (const [key, body] of bodies) writeFileSync(join(folder, key.split('/').at(-1) ?? ''), body);
      return {
        sidecar,
        calls,
        pathOf: (preset) => join(folder, keyOf(preset).split('/').at(-1) ?? ''),
        bodyOf: (preset) => bodies.get(keyOf(preset)) ?? new Uint8Array(),
      };
    },
  };
}

export function cutJobFor(segments: Pick<TestSegments, 'records'>, cut: TestCut): CutJob {
  const { inSeconds, outSeconds, revision = 'exact', presets = ['wide'] } = cut;
  const peakMs = Math.round((cut.peakSeconds ?? (inSeconds + outSeconds) / 2) * 1000);
  return {
    kind: 'cut',
    id: 'cut_1',
    channelId: 'ch_test',
    runId: 'run_test',
    deadlineAtMs: 0,
    queuedAtMs: 0,
    clipId: 'clp_test',
    revision,
    in90k: Math.round(inSeconds * ticksPerSecond),
    out90k: Math.round(outSeconds * ticksPerSecond),
    moment: {
      id: 'mom_test',
      label: 'goal',
      peakMs,
      inMs: Math.round(inSeconds * 1000),
      outMs: Math.round(outSeconds * 1000),
      score: 0.9,
      reasons: [{ signal: 'sound.crowd', contribution: 0.5, atMs: peakMs, text: 'The crowd roars.' }],
    },
    segments: segments.records,
    presets,
    ...(cut.edit ? { edit: cut.edit } : {}),
    ...(cut.loudnessLufs === undefined ? {} : { loudnessLufs: cut.loudnessLufs }),
  };
}

/** Cuts drawn from a seed, so that a red run can be repeated: starts up to `startSecondsMax`, of 1 s up to `secondsMax`. */
export function drawCuts(
  count: number,
  from: { seed: number; startSecondsMax: number; secondsMax: number },
): { inSeconds: number; outSeconds: number }[] {
  let state = from.seed;
  // Park and Miller's generator: plenty for this, and the same everywhere.
  const unit = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return Array.from({ length: count }, () => {
    const inSeconds = unit() * from.startSecondsMax;
    return { inSeconds, outSeconds: inSeconds + 1 + unit() * (from.secondsMax - 1) };
  });
}

/** Numbers of all pictures with in <= time < out, where picture n is shown at the whole ms next to n / fps. */
export function numbersBetween(fps: number, inSeconds: number, outSeconds: number): number[] {
  const [in90k, out90k] = [Math.round(inSeconds * ticksPerSecond), Math.round(outSeconds * ticksPerSecond)];
  return Array.from({ length: Math.ceil((outSeconds + 1) * fps) }, (_, number) => number).filter((number) => {
    const pts90k = Math.round((number * 1000) / fps) * 90;
    return pts90k >= in90k && pts90k < out90k;
  });
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
