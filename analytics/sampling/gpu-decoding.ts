import type { TouchlineError } from '../../core/errors.ts';
import { findNvdec, type HardwareFinding } from '../../core/ffmpeg-hardware.ts';
import type { Log } from '../../core/log.ts';

/** The GPU's decoder, for fine passes, as long as it does what the CPU can do too. */
export interface GpuDecoding {
  isOn(): Promise<boolean>;
  /** It failed with a segment that the CPU then decoded. */
  onFault(error: TouchlineError): void;
}

/** A driver that is gone fails each time, and each time costs a second start; one fault alone may be a strange stream. */
const faultCountMax = 3;

/** Tried once, when the first fine pass comes. */
export function createGpuDecoding(options: {
  isWanted: boolean;
  log: Log;
  find?: () => Promise<HardwareFinding>;
}): GpuDecoding {
  const { isWanted, log, find = findNvdec } = options;
  let found: Promise<boolean> | undefined;
  let faultCount = 0;
  const tryOut = async (): Promise<boolean> => {
    const { isUsable, why } = await find();
    log.info('fine passes are decoded here', { decoder: isUsable ? 'nvdec' : 'cpu', why });
    return isUsable;
  };
  return {
    isOn: async () => {
      if (!isWanted || faultCount >= faultCountMax) return false;
      found ??= tryOut();
      return await found;
    },
    onFault: (error) => {
      faultCount += 1;
      const isOver = faultCount >= faultCountMax;
      log.warn('the CPU decoded what the GPU could not', { faultCount, isOver, error });
    },
  };
}
