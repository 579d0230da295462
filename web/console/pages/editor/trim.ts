/** In frames of the file that is edited; `outFrame` is the first one that is not shown. */
export interface Trim {
  inFrame: number;
  outFrame: number;
}

interface TrimLimits {
  frameCount: number;
  /** Of a clip, in frames. */
  lengthMin: number;
  lengthMax: number;
}

/** The end that is moved gives way: it stops at the other one and at the limits. */
export function withIn(trim: Trim, frame: number, { lengthMin, lengthMax }: TrimLimits): Trim {
  const lowest = Math.max(0, trim.outFrame - lengthMax);
  return { ...trim, inFrame: Math.max(lowest, Math.min(frame, trim.outFrame - lengthMin)) };
}

export function withOut(trim: Trim, frame: number, { lengthMin, lengthMax, frameCount }: TrimLimits): Trim {
  const highest = Math.min(frameCount, trim.inFrame + lengthMax);
  return { ...trim, outFrame: Math.min(highest, Math.max(frame, trim.inFrame + lengthMin)) };
}

/** Both ends together, the length kept. */
export function moved(trim: Trim, byFrames: number, { frameCount }: TrimLimits): Trim {
  const by = Math.max(-trim.inFrame, Math.min(byFrames, frameCount - trim.outFrame));
  return { inFrame: trim.inFrame + by, outFrame: trim.outFrame + by };
}

/**
 * Where a mark at the playhead goes when it lies beyond the other end: an in behind the out takes the length along, as every
 * cutting room expects.
 */
export function markIn(trim: Trim, frame: number, limits: TrimLimits): Trim {
  if (frame < trim.outFrame) return withIn(trim, frame, limits);
  const length = trim.outFrame - trim.inFrame;
  const inFrame = Math.max(0, Math.min(frame, limits.frameCount - limits.lengthMin));
  return { inFrame, outFrame: Math.min(limits.frameCount, inFrame + length) };
}

/** `frame` is the last one that is shown. */
export function markOut(trim: Trim, frame: number, limits: TrimLimits): Trim {
  const outFrame = frame + 1;
  if (outFrame > trim.inFrame) return withOut(trim, outFrame, limits);
  const length = trim.outFrame - trim.inFrame;
  const end = Math.max(limits.lengthMin, outFrame);
  return { inFrame: Math.max(0, end - length), outFrame: end };
}
