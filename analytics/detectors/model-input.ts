import type { VideoInput } from '../inference/model-manifest.ts';
import type { PictureView } from '../sampling/picture-request.ts';

/** The cut of the picture that a model was trained on. */
export function viewOf(input: VideoInput): PictureView {
  const { width, height } = sizeOf(input);
  switch (input.resize) {
    case 'exact':
      return { kind: 'stretch', width, height };
    case 'letterbox':
      return { kind: 'letterbox', width, height, pad: input.padValue };
    case 'center-crop':
      return { kind: 'centre', width, height };
  }
}

/** Without a size of its own it gets 224, which is what models of free size were mostly trained on. */
export function sizeOf({ layout, shape }: VideoInput): { width: number; height: number } {
  const [height, width] = layout.endsWith('CHW') ? shape.slice(-2) : shape.slice(-3, -1);
  return {
    width: typeof width === 'number' ? width : 224,
    height: typeof height === 'number' ? height : 224,
  };
}

/** Models without sports are for all of them. */
export function isFor(sports: readonly string[], sport: string): boolean {
  return sports.length === 0 || sports.includes(sport);
}
