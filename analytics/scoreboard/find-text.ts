import type { Inference } from '../inference/inference.ts';
import type { ModelPack } from '../inference/model-manifest.ts';
import { resample, type Box, type RgbPicture } from './pixels.ts';

/** The text detector (a DB network) was made for text of 12 to 60 rows; bugs have 18 to 40 on 720 and 1080 rows. */
const workWidth = 2200;
const scaleMax = 2.5;
/** 0.14 ms per 1000 pixels on one core: 200 000 are 28 ms, once a segment. A bug takes a third of that. */
const workPixelsMax = 200_000;
const inkMin = 0.3;
const boxScoreMin = 0.55;
/** The network marks the core of a line; this much of area over circumference is added around it (DB's own 1.5 to 2). */
const unclipRatio = 1.6;

/** Lines of text in a region of the picture, in picture pixels. */
export async function findText(
  picture: RgbPicture,
  region: Box,
  how: { inference: Inference; model: ModelPack; frameWidth: number; signal: AbortSignal },
): Promise<Box[]> {
  const width = region.right - region.left;
  const height = region.bottom - region.top;
  const scale = Math.min(
    scaleMax,
    workWidth / how.frameWidth,
    Math.sqrt(workPixelsMax / Math.max(1, width * height)),
  );
  // The network halves five times. Rounded up: text must not be squeezed.
  const workColumns = Math.max(32, Math.ceil((width * scale) / 32) * 32);
  const workRows = Math.max(32, Math.ceil((height * scale) / 32) * 32);
  const work = resample(
    picture,
    { ...region, right: region.left + workColumns / scale, bottom: region.top + workRows / scale },
    workColumns,
    workRows,
  );
  const [output] = Object.values(
    await how.inference.run(
      how.model,
      {
        inputs: {
          [how.model.manifest.inputs[0]?.name ?? 'x']: {
            dims: [1, workRows, workColumns, 3],
            data: work.rgb,
          },
        },
      },
      how.signal,
    ),
  );
  if (!(output?.data instanceof Float32Array)) return [];
  return lineBoxes(output.data, workColumns, workRows)
    .map((box) => ({
      left: Math.max(region.left, region.left + box.left / scale),
      right: Math.min(region.right, region.left + box.right / scale),
      top: Math.max(region.top, region.top + box.top / scale),
      bottom: Math.min(region.bottom, region.top + box.bottom / scale),
    }))
    .filter((box) => box.right - box.left >= 4 && box.bottom - box.top >= 6);
}

/** Connected ink in the probability map, as upright boxes: overlays are not tilted. */
export function lineBoxes(map: Float32Array, width: number, height: number): Box[] {
  const seen = new Uint8Array(map.length);
  const boxes: Box[] = [];
  for (let start = 0; start < width * height; start += 1) {
    if (seen[start] === 1 || (map[start] ?? 0) < inkMin) continue;
    const box: Box = { left: width, right: 0, top: height, bottom: 0 };
    let ink = 0;
    let count = 0;
    const open = [start];
    seen[start] = 1;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const x = at % width;
      const y = (at - x) / width;
      ink += map[at] ?? 0;
      count += 1;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
      for (const next of [x > 0 ? at - 1 : -1, x + 1 < width ? at + 1 : -1, at - width, at + width]) {
        if (next < 0 || next >= map.length || seen[next] === 1 || (map[next] ?? 0) < inkMin) continue;
        seen[next] = 1;
        open.push(next);
      }
    }
    const boxWidth = box.right - box.left;
    const boxHeight = box.bottom - box.top;
    if (ink / count < boxScoreMin || Math.min(boxWidth, boxHeight) < 3) continue;
    const room = (boxWidth * boxHeight * unclipRatio) / (2 * (boxWidth + boxHeight));
    boxes.push({
      left: Math.max(0, box.left - room),
      right: Math.min(width, box.right + room),
      top: Math.max(0, box.top - room),
      bottom: Math.min(height, box.bottom + room),
    });
  }
  return boxes;
}
