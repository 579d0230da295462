/** A cut of the picture that a detector asks for. Equal requests of several detectors are decoded once. */
export interface PictureRequest {
  /** At most so many pictures a second. The coarse pass has keyframes alone, which is one in 1 to 4 s for most feeds. */
  perSecondMax: number;
  view: PictureView;
}

export type PictureView =
  /** The whole picture in exactly this size; the shape suffers. */
  | { kind: 'stretch'; width: number; height: number }
  /** The whole picture inside this size, bars of grey level `pad` right and below. */
  | { kind: 'letterbox'; width: number; height: number; pad: number }
  /** The middle of the picture, filling this size. */
  | { kind: 'centre'; width: number; height: number }
  /** The top and the bottom `share` of the picture at its own size, the bottom band stacked below the top band. */
  | { kind: 'bands'; share: number };

/** Height in rows of one band of a picture of that height: even, because chroma has half the rows. */
export function bandRowCount(share: number, sourceHeight: number): number {
  return Math.max(2, 2 * Math.round((share * sourceHeight) / 2));
}
