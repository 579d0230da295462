import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';

import { isRunning, startChild, startModule } from '../../core/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchline-process-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const node = process.execPath;
const run = async (script: string, extra: Partial<Parameters<typeof startChild>[0]> = {}) =>
  await startChild({ command: node, args: ['-e', script], wallMsMax: 20_000, ...extra });

describe('a child process', () => {
  it('that does not exist is an error that names it', async () => {
    const start = startChild({ command: 'no-such-program', args: [], wallMsMax: 1000 });
    await expect(start).rejects.toMatchObject({
      code: 'process.missing',
      message: expect.stringContaining('no-such-program') as string,
    });
  });

  it('is ended at its wall limit, and says that this was why', async () => {
    const child = await run('setInterval(() => {}, 1000)', { wallMsMax: 100 });
    expect(await child.exit).toMatchObject({ exitCode: null, signal: 'SIGKILL', killedFor: 'wall-limit' });
  });

  it('is ended by its abort signal, also one that was aborted before', async () => {
    const child = await run('setInterval(() => {}, 1000)', { signal: AbortSignal.abort() });
    expect(await child.exit).toMatchObject({ killedFor: 'abort' });
  });

  it('keeps the last 40 lines of what it complains about', async () => {
    const child = await run('for (let i = 0; i < 100; i++) console.error("line " + i)');
    const { stderrTail, exitCode } = await child.exit;
    expect(exitCode).toBe(0);
    expect(stderrTail).toHaveLength(40);
    expect(stderrTail.at(-1)).toBe('line 99');
  });

  it('has as many outputs as it was promised', async () => {
    const child = await run('require("fs").writeSync(3, "three"); process.stdout.write("one")', {
      extraOutputs: 1,
    });
    const texts = await Promise.all(
      child.outputs.map(async (output) => Buffer.concat(await output.toArray()).toString()),
    );
    expect(texts).toEqual(['one', 'three']);
  });

  it.skipIf(process.platform !== 'linux').each([
    ['is killed', 'setpriv'],
    ['is killed before the kernel knows what to do then', 'slow setpriv'],
  ])('ends when its parent %s', async (_case, program) => {
    const programs = join(folder, program);
    mkdirSync(programs);
    if (program === 'slow setpriv') {
      const slow = `#!/bin/sh\nsleep 0.5\nexec "$(PATH=\${PATH#*:} command -v setpriv)" "$@"\n`;
      writeFileSync(join(programs, 'setpriv'), slow, { mode: 0o755 });
    }
    const parentModule = join(programs, 'parent.mts');
    const processModule = new URL('../../core/process.ts', import.meta.url).href;
    writeFileSync(
      parentModule,
      `import { writeSync } from 'node:fs';
       import { startChild } from '${processModule}';
       const child = await startChild({ command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'], wallMsMax: 60_000 });
       writeSync(1, String(child.pid));
       setInterval(() => {}, 1000);`,
    );
    const parent = await startChild({
      command: node,
      args: ['--import', import.meta.resolve('tsx'), parentModule],
      wallMsMax: 30_000,
      env: { ...process.env, PATH: `${programs}:${process.env['PATH']}` },
    });
    const pid = await new Promise<number>((resolve) => {
      parent.outputs[0]?.once('data', (data: Buffer) => resolve(Number(data.toString())));
    });
    expect(pid).toBeGreaterThan(0);
    parent.kill();
    await parent.exit;
    await expect.poll(() => isRunning(pid), { timeout: 20_000 }).toBe(false);
  });
});

describe.skipIf(process.platform !== 'linux')('Ctrl-C, which reaches the whole group of a terminal', () => {
  it('does not reach a program that was started', async () => {
    const child = await run('setInterval(() => {}, 1000)');
    expect(groupOf(child.pid)).toBe(child.pid);
    child.kill();
    await child.exit;
  });

  it('does not reach a module that was started', async () => {
    const path = join(folder, 'module.mjs');
    writeFileSync(path, "process.once('disconnect', () => process.exit()); setInterval(() => {}, 1000);");
    const child = await startModule({ url: pathToFileURL(path) });
    expect(groupOf(child.pid)).toBe(child.pid);
    child.kill();
    await child.exit;
  });
});

/** proc(5): the fields of /proc/PID/stat after the name are state, parent, group. */
function groupOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
}
