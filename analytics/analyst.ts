import type { Clock } from '../core/clock.ts';
import { TouchlineError } from '../core/errors.ts';
import type { AnalysisPass } from '../core/jobs.ts';
import type { Log } from '../core/log.ts';
import { msFromTicks } from '../core/media-time.ts';
import type { Signal, Spot } from '../core/moment.ts';
import { endOf90k, type SegmentRecord } from '../core/segment.ts';
import { createCrowdDetector } from './detectors/crowd.ts';
import { createCutDetector } from './detectors/cuts.ts';
import type { Detector, Needs, SegmentSample } from './detectors/detector.ts';
import { createModelDetector } from './detectors/model-detector.ts';
import { createMotionDetector } from './detectors/motion.ts';
import { createSpeechDetector } from './detectors/speech.ts';
import { createWhistleDetector } from './detectors/whistle.ts';
import { findCuda, thisMachine } from './inference/cuda-libraries.ts';
import { chooseDevice, type DeviceWish } from './inference/device.ts';
import { createInference } from './inference/inference-process.ts';
import { builtInModel, readModelFolder } from './inference/model-folder.ts';
import type { ModelPack } from './inference/model-manifest.ts';
import { createGpuDecoding, type GpuDecoding } from './sampling/gpu-decoding.ts';
import type { PictureRequest } from './sampling/picture-request.ts';
import { sampleNeighbours, type NeighbourSegment } from './sampling/sample-neighbours.ts';
import { sampleSegment } from './sampling/sample-segment.ts';
import { checkSegment } from './sampling/segment-check.ts';
import { createStandingFfmpegs, type StandingFfmpegs } from './sampling/standing-ffmpeg.ts';
import { createScoreboardDetector } from './scoreboard/scoreboard-detector.ts';

/** Looks at segments: samples each once and lets every detector find what it can. */
export interface Analyst {
  /** Reads the folders and loads every model, so that a wrong one is known before the first segment comes. */
  ready(): Promise<void>;
  /**
   * The same segment gives the same findings. Several may be under way at once.
   *
   * @throws TouchlineError `segment.corrupt` and `model.*`: never retryable; others as their fields say. A broken segment
   *   never comes back as an empty result.
   */
  analyse(task: AnalysisTask): Promise<Analysis>;
  /** Ends the inference child and the ffmpegs that stay. */
  close(): Promise<void>;
}

interface AnalysisTask {
  segment: SegmentRecord;
  bytes: Uint8Array;
  /** Those beside it that are there, for models whose window runs across the borders. Read only when one does. */
  neighbours?: readonly NeighbourSegment[];
  pass: AnalysisPass;
  /** Which models are asked: those of this sport, and those for all. */
  sport: string;
  signal: AbortSignal;
}

interface Analysis {
  /** Times are ms on the run's timeline. */
  signals: Signal[];
  spots: Spot[];
}

export interface AnalystOptions {
  /** Folders with manifests and models beside the built-in pack. */
  modelFolders: readonly string[];
  log: Log;
  clock: Clock;
  /** Default `cpu`. */
  device?: DeviceWish;
  /** LD_LIBRARY_PATH, for CUDA. */
  libraryPath?: string | undefined;
}

export function createAnalyst(options: AnalystOptions): Analyst {
  const { clock } = options;
  const log = options.log.child({ part: 'analyst' });
  const { libraryPath } = options;
  const { device, why } = chooseDevice(options.device ?? 'cpu', () => findCuda(thisMachine(libraryPath)));
  const inference = createInference({ log, device, libraryPath });
  const standing = createStandingFfmpegs({ clock });
  const gpu = createGpuDecoding({ isWanted: (options.device ?? 'cpu') !== 'cpu', log });
  let equipped: Promise<Equipment> | undefined;
  const equip = async (): Promise<Equipment> => {
    equipped ??= gather(options.modelFolders, inference);
    try {
      return await equipped;
    } catch (thrown) {
      equipped = undefined; // A folder that is mended meanwhile is found the next time.
      throw thrown;
    }
  };
  return {
    ready: async () => {
      const { packs } = await equip();
      log.info('models run here', { device, why });
      for (const pack of packs) {
        const report = await inference.load(pack);
        if (report) log.info('model ready', { model: pack.manifest.id, ...report });
      }
    },
    analyse: async (task) => {
      const startedMs = clock.monotonicMs();
      const { detectors } = await equip();
      const analysis = await lookAt(task, detectors, { standing, gpu });
      const wallMs = Math.round(clock.monotonicMs() - startedMs);
      log.debug('segment analysed', { segmentId: task.segment.id, pass: task.pass, wallMs });
      return analysis;
    },
    close: async () => {
      await Promise.all([inference.close(), standing.close()]);
    },
  };
}

interface Equipment {
  packs: ModelPack[];
  detectors: Detector[];
}

async function gather(
  modelFolders: readonly string[],
  inference: ReturnType<typeof createInference>,
): Promise<Equipment> {
  const [speechModel, textFinder, textReader] = await Promise.all([
    builtInModel('silero-vad'),
    builtInModel('pp-ocrv4-det'),
    builtInModel('pp-ocrv4-rec'),
  ]);
  const brought = (await Promise.all(modelFolders.map(readModelFolder))).flat();
  const packs = [speechModel, textFinder, textReader, ...brought];
  refuseDoubles(packs);
  return {
    packs,
    detectors: [
      createCutDetector(),
      createMotionDetector(),
      createCrowdDetector(),
      createWhistleDetector(),
      createSpeechDetector(inference, speechModel),
      createScoreboardDetector({ inference, textFinder, textReader }),
      ...brought.map((pack) => createModelDetector(pack, inference)),
    ],
  };
}

/** The id names signals and sources: two models under one id could not be told apart. */
function refuseDoubles(packs: readonly ModelPack[]): void {
  const seen = new Map<string, string>();
  for (const { manifest, path } of packs) {
    const other = seen.get(manifest.id);
    seen.set(manifest.id, path);
    if (other === undefined) continue;
    throw new TouchlineError({
      code: 'model.bad-manifest',
      message: `two models call themselves ${manifest.id}: ${other} and ${path}; give one of them another id`,
      retryable: false,
      blame: 'environment',
    });
  }
}

async function lookAt(
  task: AnalysisTask,
  detectors: readonly Detector[],
  decoders: { standing: StandingFfmpegs; gpu: GpuDecoding },
): Promise<Analysis> {
  const { segment, bytes, pass, sport, signal } = task;
  const checked = checkSegment(segment, bytes);
  const looking = detectors.flatMap((detector) => {
    const needs = detector.needs({ pass, sport });
    return needs ? [{ detector, needs }] : [];
  });
  // In the fine pass everything is dense.
  const isApart = (needs: Needs): boolean => pass === 'coarse' && needs.isDense === true;
  const needs = looking.map((one) => one.needs);
  const requests = distinctRequests(needs.filter((one) => !isApart(one)));
  const denseRequests = distinctRequests(needs.filter(isApart));
  const aroundRequests = distinctRequests(needs.filter((one) => one.neighbours));
  const wantsSound = needs.some((one) => one.sound);
  const sampling = { segment, bytes, checked, signal, ...decoders };
  const [sampled, dense, around] = await Promise.all([
    sampleSegment({ ...sampling, pass, requests, wantsSound }),
    denseRequests.length > 0
      ? sampleSegment({ ...sampling, pass: 'fine', requests: denseRequests, wantsSound: false })
      : undefined,
    sampleNeighbours({
      segment,
      neighbours: task.neighbours ?? [],
      requests: aroundRequests,
      signal,
      ...decoders,
    }),
  ]);

  const shared: Omit<SegmentSample, 'pictures' | 'sound'> = {
    segment,
    pass,
    sport,
    startMs: msFromTicks(segment.start90k),
    endMs: msFromTicks(endOf90k(segment)),
    codedPictures: checked.pictures.map(({ at90k, ...picture }) => ({
      atMs: msFromTicks(at90k),
      ...picture,
    })),
  };
  const found = await Promise.all(
    looking.map(async ({ detector, needs }) => {
      const of = (all: readonly PictureRequest[]): number =>
        all.findIndex((request) => isSame(request, needs.pictures));
      const pictures = isApart(needs) ? dense?.pictures[of(denseRequests)] : sampled.pictures[of(requests)];
      const neighbours = needs.neighbours ? around[of(aroundRequests)] : undefined;
      return await detector.detect(
        {
          ...shared,
          pictures: pictures ?? [],
          ...(neighbours ? { neighbours } : {}),
          sound: needs.sound ? sampled.sound : undefined,
        },
        signal,
      );
    }),
  );
  return {
    signals: found.flatMap((findings) => findings.signals),
    spots: found.flatMap((findings) => findings.spots),
  };
}

function distinctRequests(needs: readonly Needs[]): PictureRequest[] {
  const requests: PictureRequest[] = [];
  for (const { pictures } of needs) {
    if (pictures && !requests.some((request) => isSame(request, pictures))) requests.push(pictures);
  }
  return requests;
}

function isSame(one: PictureRequest, other: PictureRequest | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
