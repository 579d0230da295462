import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../../core/clock.ts';
import { isOnPath } from '../../../core/process.ts';
import { startObs, type RunningObs } from '../../support/rtmp-obs.ts';
import { printsOf } from '../../support/rtmp-recording.ts';
import { watchServer, type WatchedServer } from '../../support/rtmp-server.ts';

const isLong = process.env['TOUCHLINE_TEST_LONG'] !== undefined;
const hasObs = isOnPath('obs') && isOnPath('Xvfb');

describe.skipIf(!isLong || !hasObs)('OBS Studio', () => {
  it('streams: pictures every 40 ms, sound beside them', async (context) => {
    await withObs('right', async ({ obs, server }) => {
      if (!(await obs.logs('Streaming Start'))) {
        context.skip(`OBS could not be started here: ${obs.lines.at(-1) ?? 'it printed nothing'}`);
      }
      await server.until(() => (server.sessions[0]?.session.stats.videoPacketCount ?? 0) >= 75);
      const [seen] = server.sessions;
      const video = printsOf(seen?.packets ?? [], 'video');
      expect(video[0]?.isKeyframe).toBe(true);
      const distances = video.slice(1).map(({ dtsMs }, index) => dtsMs - (video[index]?.dtsMs ?? 0));
      expect(new Set(distances)).toEqual(new Set([40]));
      expect(printsOf(seen?.packets ?? [], 'audio').length).toBeGreaterThan(100);
      expect(seen?.session.encoder).toContain('FMLE');
      expect(seen?.stalls).toEqual([]);
    });
  });

  it('with a wrong key stops, and does not come back by itself', async (context) => {
    await withObs('wrong', async ({ obs, server }) => {
      if (!(await obs.logs('Connecting to RTMP URL'))) {
        context.skip(`OBS could not be started here: ${obs.lines.at(-1) ?? 'it printed nothing'}`);
      }
      expect(await obs.logs('Streaming Stop')).toBe(true);
      // It would reconnect after one second.
      await systemClock.sleep(3000);
      expect(server.sessions).toEqual([]);
      expect(server.logged().match(/ingest\.key-refused/g)?.length).toBeGreaterThan(0);
      expect(obs.lines.filter((line) => line.includes('Connecting to RTMP URL'))).toHaveLength(1);
    });
  });
});

async function withObs(
  key: string,
  use: (running: { obs: RunningObs; server: WatchedServer }) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-obs-'));
  const server = await watchServer();
  const obs = await startObs({ folder, server: `rtmp://127.0.0.1:${server.port}/live`, key });
  try {
    await use({ obs, server });
  } finally {
    await obs.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
