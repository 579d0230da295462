import { spawnSync } from 'node:child_process';

/**
 * The number of each frame, burnt into the middle of a picture of 320 by 180, where the vertical crop has it too: twelve bits of 8
 * by 16 pixels, the lowest on the left, white for 1; beneath them the same bits turned round, so that a picture that was blurred,
 * moved or mixed with another is not read as some number.
 */
const [bitCount, bitWidth, rowHeight] = [12, 8, 16];
const picture = { width: 320, height: 180 };
const box = { x: (picture.width - bitCount * bitWidth) / 2, y: picture.height / 2 - rowHeight };
/** White and black are 219 apart; encoders take a little of it. */
const contrastMin = 120;

/** A source for `-f lavfi`: the panel of bits alone, to be laid over a picture at `panelAt`. */
export function panelSource(seconds: number, framesPerSecond: number): string {
  const bit = `mod(floor(N/pow(2\\,floor(X/${bitWidth})))\\,2)`;
  const size = `${bitCount * bitWidth}x${2 * rowHeight}`;
  return (
    `color=c=gray:s=${size}:r=${framesPerSecond}:d=${seconds},format=yuv420p,` +
    `geq=lum='16+219*eq(lt(Y\\,${rowHeight})\\,${bit})':cb=128:cr=128`
  );
}

export const panelAt = `${box.x}:${box.y}`;

/**
 * Where the middles of the bits lie in a file of any size whose middle is that of the picture, as [x, y] in pixels: first those of
 * the upper row, then those of the lower.
 */
export function bitPlaces(file: { width: number; height: number }): [x: number, y: number][] {
  const scale = file.height / picture.height;
  const row = (nth: number) =>
    Array.from({ length: bitCount }, (_, bit): [number, number] => [
      Math.floor(file.width / 2 + (box.x + (bit + 0.5) * bitWidth - picture.width / 2) * scale),
      Math.floor((box.y + (nth + 0.5) * rowHeight) * scale),
    ]);
  return [...row(0), ...row(1)];
}

/** Of the brightness (0 to 255) at each of `bitPlaces`. @throws Error when the two rows do not say the same */
export function frameNumberOf(brightness: readonly number[]): number {
  let number = 0;
  for (let bit = 0; bit < bitCount; bit += 1) {
    const difference = (brightness[bit] ?? 0) - (brightness[bitCount + bit] ?? 0);
    if (Math.abs(difference) < contrastMin) throw new Error(`no frame number is seen: ${brightness.join()}`);
    if (difference > 0) number += 2 ** bit;
  }
  return number;
}

/** Decodes a whole file and reads the number of each frame that a player shows. */
export function readFrameNumbers(path: string): number[] {
  const { width, height } = videoSize(path);
  const decoded = spawnSync(
    'ffmpeg',
    [
      '-v',
      'error',
      '-xerror',
      '-i',
      path,
      ...'-map 0:v -fps_mode passthrough -f rawvideo -pix_fmt gray -'.split(' '),
    ],
    { maxBuffer: 1_000_000_000 },
  );
  if (decoded.status !== 0) throw new Error(decoded.stderr.toString());
  const places = bitPlaces({ width, height });
  const frameBytes = width * height;
  return Array.from({ length: decoded.stdout.length / frameBytes }, (_, frame) =>
    frameNumberOf(places.map(([x, y]) => decoded.stdout[frame * frameBytes + y * width + x] ?? 0)),
  );
}

export function videoSize(path: string): { width: number; height: number } {
  const probed = spawnSync(
    'ffprobe',
    [...'-v error -select_streams v:0 -show_entries stream=width,height -of json'.split(' '), path],
    { encoding: 'utf8' },
  );
  const { streams = [] } = JSON.parse(probed.stdout || '{}') as {
    streams?: { width: number; height: number }[];
  };
  if (!streams[0]) throw new Error(`${path} has no video: ${probed.stderr}`);
  return streams[0];
}
