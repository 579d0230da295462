import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { RunReport } from '../../control/match-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { writeRoaringMatch } from '../support/roaring-match.ts';
import { install, processTree, type Installation, type RunningUp } from '../support/touchline.ts';

const timeout = 240_000;
/** Written out for a test: what a day has minutes for has seconds here. */
const policy = {
  countMin: 1,
  countMax: 2,
  bootSecondsPrior: 2,
  leadMarginSeconds: 0,
  catchUpSeconds: 5,
  inWindowSeconds: 10,
  zeroAfterSeconds: 10,
  paidSecondsMin: 0,
};

describe.skipIf(process.platform !== 'linux')('workers on this machine', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-fleet-'));
  let server: Installation;
  let up: RunningUp;
  let report: RunReport;
  /** How many workers there were, each time it changed. */
  const counts: number[] = [];

  const workers = (): number[] =>
    processTree(up.pid)
      .filter(({ command }) => command.includes('--supervised'))
      .map(({ pid }) => pid);
  const untilThereAre = async (count: number): Promise<number[]> => {
    const deadlineMs = systemClock.monotonicMs() + 90_000;
    for (;;) {
      const pids = workers();
      if (counts.at(-1) !== pids.length) counts.push(pids.length);
      if (pids.length === count) return pids;
      if (systemClock.monotonicMs() > deadlineMs)
        throw new Error(`there never were ${count} workers: ${counts.join(', ')}`);
      await systemClock.sleep(50);
    }
  };

  beforeAll(async () => {
    const policyFile = join(folder, 'policy.json');
    writeFileSync(policyFile, JSON.stringify(policy));
    server = await install({ TOUCHLINE_SCALING_POLICY: policyFile });
    up = await server.up({ wallMsMax: timeout });
    await untilThereAre(1);
    const recording = join(folder, 'match.mp4');
    writeRoaringMatch(recording, { seconds: 240, roarAtSeconds: 100 });
    const ingesting = server.run(['ingest', recording, '--as', 'cup', '--json'], { wallMsMax: timeout });
    const [first = 0] = await untilThereAre(2);
    process.kill(first, 'SIGKILL');
    await untilThereAre(1);
    await untilThereAre(2);
    const ingested = await ingesting;
    expect(ingested.exitCode, ingested.stderrTail.join('\n')).toBe(0);
    report = ingested.json as RunReport;
    await untilThereAre(1);
  }, timeout);

  afterAll(async () => {
    const exit = await up?.stop();
    server?.remove();
    rmSync(folder, { recursive: true, force: true });
    expect(exit, 'the server drained').toMatchObject({ exitCode: 0 });
  });

  it('become more when there is more to do, again when one was killed, and fewer when there is not', () => {
    // From none: the first one was being started. None in between was seen once, on a busy machine: another came.
    expect(counts.join(' ')).toMatch(/^(0 )?1 2 1 (0 1 )?2 1$/);
  });

  it('lose nothing on the way', () => {
    const { total, clip, noClip, dead } = report.segments;
    expect({ sum: clip + noClip + dead, dead }).toEqual({ sum: total, dead: 0 });
    expect(total).toBeGreaterThan(40);
    expect(report.clips).toHaveLength(1);
    expect(report.clips.filter(({ revision, proven }) => revision !== 'exact' || !proven)).toEqual([]);
  });
});
