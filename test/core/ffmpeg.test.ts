import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { canSandbox, runFfmpeg, throwIfFailed } from '../../core/ffmpeg.ts';
import { readTransportStream } from '../../core/mpegts.ts';

const folder = mkdtempSync(join(tmpdir(), 'touchline-ffmpeg-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const picture = [
  '-f',
  'lavfi',
  '-i',
  'testsrc2=s=320x180:r=25:d=1',
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
];

describe('ffmpeg', () => {
  // 137 and 143 are how bubblewrap tells of SIGKILL and SIGTERM; a crash (139) and its own codes are about the input.
  it.each([
    [null, true],
    [137, true],
    [143, true],
    [139, false],
    [1, false],
    [254, false],
  ])('that ended with exit code %s may be tried again: %s', (exitCode, retryable) => {
    const exit = { exitCode, signal: null, killedFor: undefined, stderrTail: [], wallMs: 1 };
    let thrown: unknown;
    try {
      throwIfFailed(exit, { what: 'testing', wallMsMax: 1 });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ffmpeg.failed', retryable });
  });

  it('hands back what it wrote to each pipe', async () => {
    const [stream, gray] = await runFfmpeg({
      what: 'making a test picture',
      args: [
        ...picture,
        '-f',
        'mpegts',
        'pipe:1',
        '-f',
        'rawvideo',
        '-pix_fmt',
        'gray',
        '-frames:v',
        '1',
        'pipe:3',
      ],
      extraOutputs: 1,
      wallMsMax: 20_000,
    });
    expect(readTransportStream(stream ?? Buffer.alloc(0)).video).toHaveLength(25);
    expect(gray).toHaveLength(320 * 180);
  });

  it('that fails says at what it was, with its last words', async () => {
    const failing = runFfmpeg({
      what: 'reading nonsense',
      args: ['-f', 'mpegts', '-i', 'pipe:0', '-f', 'null', '-'],
      input: Buffer.from('nonsense'),
      wallMsMax: 20_000,
    });
    await expect(failing).rejects.toMatchObject({
      code: 'ffmpeg.failed',
      retryable: false,
      message: expect.stringMatching(/while reading nonsense \(last line: ".+"\)/) as string,
    });
  });

  it('is ended at its wall limit', async () => {
    const endless = runFfmpeg({
      what: 'running for ever',
      args: ['-re', '-f', 'lavfi', '-i', 'testsrc2=s=64x64', '-f', 'null', '-'],
      wallMsMax: 300,
    });
    await expect(endless).rejects.toMatchObject({ code: 'ffmpeg.wall-limit', retryable: true });
  });

  it.skipIf(!canSandbox())('sees no file outside its work folder', async () => {
    const secret = join(folder, 'secret.txt');
    writeFileSync(secret, 'secret');
    const reading = runFfmpeg({
      what: 'reading a secret',
      args: ['-f', 'data', '-i', secret, '-map', '0', '-f', 'data', 'pipe:1'],
      wallMsMax: 20_000,
    });
    await expect(reading).rejects.toMatchObject({
      message: expect.stringContaining('No such file') as string,
    });
  });
});
