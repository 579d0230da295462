import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readObjectEvents } from '../../../ingest/medialive/object-events.ts';

function bridge(key: string, more: object = {}): object {
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    time: '2026-03-01T12:00:00Z',
    resources: ['arn:aws:s3:::media'],
    detail: {
      version: '0',
      bucket: { name: 'media' },
      object: { key, size: 5, etag: 'b1', sequencer: '00' },
    },
    ...more,
  };
}
function record(key: string, more: object = {}): object {
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Put',
    s3: { bucket: { name: 'media' }, object: { key, size: 5, eTag: 'b1', sequencer: '00' } },
    ...more,
  };
}

describe('an event about a new object', () => {
  it('by way of EventBridge has its key as it is', () => {
    expect(readObjectEvents(JSON.stringify(bridge('a b+c%20d.ts')))).toEqual({
      created: [{ bucket: 'media', key: 'a b+c%20d.ts' }],
      problems: [],
    });
  });

  it('straight from S3 has its key encoded as in a form', () => {
    const body = JSON.stringify({ Records: [record('caf%C3%A9/a+b%2Bc%2520d.ts')] });
    expect(readObjectEvents(body).created).toEqual([{ bucket: 'media', key: 'café/a b+c%20d.ts' }]);
  });

  it('comes with several records, of which the bad ones spoil nothing', () => {
    const records = [
      record('1'),
      record('2', { eventName: 'ObjectRemoved:Delete' }),
      record('%E0%A4%A'),
      record('4', { eventSource: 'aws:sqs' }),
      null,
      record('6', { eventName: 's3:ObjectCreated:CompleteMultipartUpload' }),
    ];
    const { created, problems } = readObjectEvents(JSON.stringify({ Records: records }));
    expect(created.map((one) => one.key)).toEqual(['1', '6']);
    expect(problems.map((problem) => problem.slice(0, 8))).toEqual([
      'record 1',
      'record 2',
      'record 3',
      'record 4',
    ]);
  });

  it('that S3 sends as a test is nothing, and nothing wrong', () => {
    const body = JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'media' });
    expect(readObjectEvents(body)).toEqual({ created: [], problems: [] });
  });

  it.each([
    ['no JSON', 'hello', /not JSON/],
    ['nothing', '', /not JSON/],
    ['another thing', '{"a":1}', /neither/],
    ['null', 'null', /neither/],
    ['a list', '[]', /neither/],
    ['another service', JSON.stringify(bridge('k', { source: 'aws.ec2' })), /neither/],
    ['a deletion', JSON.stringify(bridge('k', { 'detail-type': 'Object Deleted' })), /detail-type/],
    ['no key', JSON.stringify(bridge('')), /detail\.object\.key/],
    ['a key longer than S3 allows', JSON.stringify(bridge('k'.repeat(1025))), /detail\.object\.key/],
    ['no detail', JSON.stringify(bridge('k', { detail: undefined })), /detail/],
    ['a number as bucket', JSON.stringify(bridge('k', { detail: { bucket: 1 } })), /detail/],
    ['2 MB', `"${'x'.repeat(2 * 1024 * 1024)}"`, /characters/],
  ])('of %s is named as what it is', (_, body, problem) => {
    const read = readObjectEvents(body);
    expect(read.created).toEqual([]);
    expect(read.problems).toEqual([expect.stringMatching(problem)]);
  });

  it('is read up to a thousand records', () => {
    const body = JSON.stringify({ Records: Array.from({ length: 1001 }, (_, at) => record(String(at))) });
    const read = readObjectEvents(body);
    expect([read.created.length, read.problems.length]).toEqual([1000, 1]);
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"Records":[${json}]}`),
        ),
        (body) => {
          const { created, problems } = readObjectEvents(body);
          expect(created.length + problems.length).toBeGreaterThanOrEqual(
            body.startsWith('{"Records') ? 1 : 0,
          );
        },
      ),
      { numRuns: 500, seed: 3 },
    );
  });
});
