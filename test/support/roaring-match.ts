import { spawnSync } from 'node:child_process';

import { panelAt, panelSource } from './frame-number.ts';

/**
 * A small recording with moving pictures, keyframes every 2 s, and a crowd that roars once for 4 s. `isHeavy`: filler
 * makes it 7 Mb/s, so that clips are large enough to be put in parts and yet cost no more to encode. `isNumbered`: each
 * frame shows its number (`readFrameNumbers`), and there are B-frames, as broadcasting programs make them.
 */
export function writeRoaringMatch(
  path: string,
  options: { seconds: number; roarAtSeconds: number; isHeavy?: boolean; isNumbered?: boolean },
): void {
  const { seconds, roarAtSeconds, isHeavy = false, isNumbered = false } = options;
  const filler = '-x264-params nal-hrd=cbr -b:v 7M -minrate 7M -maxrate 7M -bufsize 3M'.split(' ');
  const done = spawnSync(
    'ffmpeg',
    [
      ...`-v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=${seconds}`.split(' '),
      ...`-f lavfi -i anoisesrc=color=pink:amplitude=0.03:duration=${seconds}:seed=1`.split(' '),
      ...`-f lavfi -i anoisesrc=color=pink:amplitude=0.6:duration=${seconds}:seed=2`.split(' '),
      ...(isNumbered ? ['-f', 'lavfi', '-i', panelSource(seconds, 25)] : []),
      '-filter_complex',
      (isNumbered ? `[0:v][3:v]overlay=${panelAt}[v];` : '[0:v]null[v];') +
        `[2:a]volume='between(t,${roarAtSeconds},${roarAtSeconds + 4})':eval=frame[roar];[1:a][roar]amix=inputs=2:normalize=0[a]`,
      ...'-map [v] -map [a] -c:v libx264 -preset ultrafast -g 50 -c:a aac'.split(' '),
      ...(isHeavy ? filler : []),
      ...(isNumbered ? ['-bf', '2'] : []),
      path,
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(done.stderr);
}
