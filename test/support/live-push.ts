import { systemClock } from '../../core/clock.ts';
import { startChild } from '../../core/process.ts';

/** ffmpeg pushes a file by RTMP at its own pace, over and over, until `stop`. Resolves when it runs. */
export async function pushLive(push: { file: string; url: string }): Promise<{ stop: () => Promise<void> }> {
  const child = await startChild({
    command: 'ffmpeg',
    args: [
      ...'-hide_banner -loglevel error -re -stream_loop -1 -i'.split(' '),
      push.file,
      ...'-c copy -f flv'.split(' '),
      push.url,
    ],
    wallMsMax: 15 * 60_000,
  });
  child.outputs[0]?.resume();
  await systemClock.sleep(200);
  return {
    stop: async () => {
      child.kill();
      await child.exit;
    },
  };
}
