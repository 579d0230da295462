import { TouchlineError } from '../../core/errors.ts';
import type { CudaFinding } from './cuda-libraries.ts';

/** Where models run. */
export type Device = 'cpu' | 'cuda';

/** `auto` takes the GPU where it works; `cuda` refuses to run without it. */
export type DeviceWish = Device | 'auto';

/**
 * A worker that was bought for its GPU and works on the CPU looks healthy and is twenty times too slow
 * (https://github.com/snapotter-hq/SnapOtter/issues/104), so `cuda` never becomes `cpu` by itself.
 *
 * @throws TouchlineError `inference.no-cuda`, naming what is missing
 */
export function chooseDevice(wish: DeviceWish, findCuda: () => CudaFinding): { device: Device; why: string } {
  if (wish === 'cpu') return { device: 'cpu', why: 'TOUCHLINE_DEVICE=cpu' };
  const found = findCuda();
  if (found.missing.length === 0) return { device: 'cuda', why: found.where };
  const [first, ...others] = found.missing;
  const count = others.length === 0 ? '' : `, and ${others.length} more`;
  if (wish === 'auto') return { device: 'cpu', why: `no CUDA here: ${first}${count}` };
  throw new TouchlineError({
    code: 'inference.no-cuda',
    message: `TOUCHLINE_DEVICE=cuda, but CUDA cannot be used: ${found.missing.join('; ')}. See docs/gpu.md, or set TOUCHLINE_DEVICE=cpu for a worker that is meant to do without.`,
    retryable: false,
    blame: 'environment',
  });
}
