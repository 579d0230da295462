import { gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { bandOf, layoutOf } from '../../queue/sqs-layout.ts';
import { decodeMessage, encodeMessage } from '../../queue/sqs-message.ts';
import { makeJob } from '../support/queue-jobs.ts';

describe('the body of a message', () => {
  it.each([
    ['plain', 'it broke', /^{"schema":"touchline\.job\/1","job":/],
    ['packed', 'it broke '.repeat(10_000), /^{"schema":"touchline\.job\/1","id":"job","gzip":/],
    ['with characters that SQS refuses', 'a\ufffe\uffff\u0000\ud800b', /\\ufffe\\uffff\\u0000\\ud800b/],
  ])('%s comes back as it was', (_what, message, expected) => {
    const job = makeJob('job', {}, message);
    const body = encodeMessage(job);
    expect(body).toMatch(expected);
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    expect(body).toMatch(/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
    expect(decodeMessage(body)).toEqual({ job });
  });

  it('that unpacks to more than any job is refused before it fills the memory', () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')).toString('base64');
    expect(decodeMessage(JSON.stringify({ schema: 'touchline.job/1', gzip: bomb }))).toMatchObject({
      job: undefined,
      problem: expect.stringMatching(/cannot be read/) as string,
    });
  });
});

describe('the band of a job', () => {
  const layout = layoutOf('tl');
  it.each([
    ['analyse', 10_000, 'tl-analyse'],
    ['analyse', 15_000, 'tl-analyse'],
    ['analyse', 15_001, 'tl-analyse-later'],
    ['cut', 3_000, 'tl-cut'],
    ['cut', 5_000, 'tl-cut'],
    ['cut', 5_001, 'tl-cut-later'],
    ['cut', -60_000, 'tl-cut'],
    ['result', 3_600_000, 'tl-result'],
  ] as const)('%s due in %i ms: %s', (kind, dueMs, expected) => {
    expect(bandOf({ kind, deadlineAtMs: 1_000_000 + dueMs }, layout, 1_000_000)).toBe(expected);
  });
});
