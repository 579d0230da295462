import { spawnSync } from 'node:child_process';

/** A small recording with moving pictures, keyframes every 2 s, and a crowd that roars once for 4 s. */
export function writeRoaringMatch(path: string, options: { seconds: number; roarAtSeconds: number }): void {
  const { seconds, roarAtSeconds } = options;
  const done = spawnSync(
    'ffmpeg',
    [
      ...`-v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=${seconds}`.split(' '),
      ...`-f lavfi -i anoisesrc=color=pink:amplitude=0.03:duration=${seconds}:seed=1`.split(' '),
      ...`-f lavfi -i anoisesrc=color=pink:amplitude=0.6:duration=${seconds}:seed=2`.split(' '),
      '-filter_complex',
      `[2:a]volume='between(t,${roarAtSeconds},${roarAtSeconds + 4})':eval=frame[roar];[1:a][roar]amix=inputs=2:normalize=0[a]`,
      ...'-map 0:v -map [a] -c:v libx264 -preset ultrafast -g 50 -c:a aac'.split(' '),
      path,
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(done.stderr);
}
