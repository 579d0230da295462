import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { expect, it } from 'vitest';

import { builtInModel } from '../../../analytics/inference/model-folder.ts';
import { startChild } from '../../../core/process.ts';

it('runs a model without telling anybody: no device id, no events, no log of an uploader', async () => {
  const home = await mkdtemp(join(tmpdir(), 'touchline-test-'));
  try {
    const { path } = await builtInModel('silero-vad');
    const runtime = new URL('../../../analytics/inference/onnx-runtime.ts', import.meta.url).href;
    const child = await startChild({
      command: process.execPath,
      args: [
        '--import',
        import.meta.resolve('tsx'),
        '--input-type=module',
        '-e',
        `import { InferenceSession } from ${JSON.stringify(runtime)};
         const session = await InferenceSession.create(${JSON.stringify(path)});
         console.log(session.inputNames.join());`,
      ],
      // Both are where it would write.
      env: { PATH: process.env['PATH'], HOME: home, TMPDIR: home, TSX_DISABLE_CACHE: '1' },
      wallMsMax: 60_000,
    });
    const [output] = child.outputs;
    const said = output ? await text(output) : '';
    const { stderrTail } = await child.exit;
    expect(said, stderrTail.join('\n')).toContain('input');
    expect(await readdir(home)).toEqual([]);
  } finally {
    await rm(home, { recursive: true });
  }
});
