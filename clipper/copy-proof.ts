import { ticksFromMs } from '../core/media-time.ts';
import { lastIdr, type ClipPlan } from './clip-plan.ts';
import { readMp4Pictures, type Mp4Pictures } from './mp4-reader.ts';
import { findPeak, notInTheClip, type Proof } from './proof.ts';
import { sameBytes, type Picture } from './source-media.ts';

/**
 * Proves a clip that is a copy without decoding it: at the peak's place the finished file must have the source's picture,
 * byte for byte, and behind its keyframe everything that it is decoded from, with the source's parameter sets. Such a file
 * shows what the source shows. It takes milliseconds where two decodes take most of a second, which is what the fast
 * revision has no time for; what it cannot tell is whether the source itself decodes, and the exact revision looks at that.
 *
 * @param body the finished MP4
 */
export function proveCopy(options: {
  peakMs: number;
  plan: ClipPlan;
  pictures: readonly Picture[];
  body: Uint8Array;
}): Proof {
  const { plan, pictures, body, peakMs } = options;
  const peak = plan.pictures[findPeak(plan, pictures, ticksFromMs(peakMs)) ?? -1];
  if (!peak) return notInTheClip(peakMs);
  const start = lastIdr(pictures, peak.source);
  const config = pictures[peak.source]?.config;
  if (start === undefined || !config) return unproven('no keyframe lies before the picture of the peak');

  const file = readOrReason(body);
  if (typeof file === 'string') return unproven(`the file cannot be read: ${file}`);
  if (!holds(file.sps, config.sps) || !holds(file.pps, config.pps)) {
    return unproven('the file has other parameter sets than the source');
  }
  const peakAt = file.samples.findIndex((sample) => sample.at === peak.at);
  if (peakAt < 0) return unproven('the file shows no picture at the time of the peak');
  for (let place = peak.source; place >= start; place -= 1) {
    const sample = file.samples[peakAt - (peak.source - place)];
    const picture = pictures[place];
    if (sample && picture && isSameCoding(sample, picture)) continue;
    const what = place === peak.source ? 'at the peak' : `${peak.source - place} pictures before the peak`;
    return unproven(`the file has another picture ${what}`);
  }
  return { isProven: true };
}

function readOrReason(body: Uint8Array): Mp4Pictures | string {
  try {
    return readMp4Pictures(body);
  } catch (thrown) {
    if (thrown instanceof RangeError) return thrown.message;
    throw thrown;
  }
}

function unproven(because: string): Proof {
  return { isProven: false, because };
}

/** More sets than the source's are no harm: a slice names the one that it needs. */
function holds(found: ReadonlyMap<number, Uint8Array>, wanted: ReadonlyMap<number, Uint8Array>): boolean {
  return [...wanted].every(([id, set]) => {
    const there = found.get(id);
    return there !== undefined && sameBytes(there, set);
  });
}

/** In an MP4 each NAL unit has its length before it, in four bytes. */
function isSameCoding(sample: Mp4Pictures['samples'][number], picture: Picture): boolean {
  if (sample.isSync !== picture.isIdr) return false;
  const { body } = sample;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  for (const nal of picture.nals) {
    const end = at + 4 + nal.length;
    if (end > body.length || view.getUint32(at) !== nal.length) return false;
    if (Buffer.compare(body.subarray(at + 4, end), nal) !== 0) return false;
    at = end;
  }
  return at === body.length;
}
