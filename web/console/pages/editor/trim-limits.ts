import { type FrameClock, framesPerSecond } from './frame-clock.ts';

const lengthSMin = 0.5;
const lengthSMax = 600;

/** What the server takes: half a second to ten minutes, within the file. */
export function limitsOf(clock: FrameClock): { frameCount: number; lengthMin: number; lengthMax: number } {
  const fps = framesPerSecond(clock);
  return {
    frameCount: clock.frameCount,
    lengthMin: Math.max(1, Math.ceil(lengthSMin * fps)),
    lengthMax: Math.floor(lengthSMax * fps),
  };
}
