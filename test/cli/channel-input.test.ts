import { describe, expect, it } from 'vitest';

import { inputOf, inputTypes, type InputOptions } from '../../cli/channel-input.ts';
import { isStandardWish, readInputWish } from '../../ingest/medialive/input-wish.ts';

const cases: [InputOptions, boolean][] = [
  [{ input: 'rtmp-push', allow: ['203.0.113.7/32'] }, false],
  [{ input: 'rtp-push', allow: ['203.0.113.7/32'], standard: true }, true],
  [{ input: 'srt-listener', allow: ['0.0.0.0/0'], latency: '500', streamId: 'cup' }, false],
  [{ input: 'srt-caller', caller: ['a.example.org:9000', '192.0.2.1:9001'] }, true],
  [{ input: 'url-pull', url: ['https://example.org/live.m3u8'] }, false],
  [{ input: 'mediaconnect', flow: ['arn:aws:mediaconnect:us-east-1:123456789012:flow:1-a:cup'] }, false],
  [{ input: 'mp4-file', url: ['s3://a/b.mp4', 'https://example.org/c.mp4'] }, true],
];

describe('the input of a channel on the command line', () => {
  it.each(cases)('%j is what the driver takes', (options, isStandard) => {
    expect(isStandardWish(readInputWish(inputOf(options)))).toBe(isStandard);
  });

  it('has an example of every type here', () => {
    expect(new Set(cases.map(([{ input }]) => input))).toEqual(new Set(inputTypes));
  });

  it('is left out where nothing was said of it', () => {
    expect(inputOf({})).toBeUndefined();
  });

  it.each([
    [{ input: 'rtmp-push' }, /input\.cidrs must name at least one range .*--allow/],
    [{ input: 'url-pull' }, /input\.urls must name one address.*--url/],
    [{ input: 'srt-caller' }, /input\.callers must name one address.*--caller/],
    [{ input: 'mediaconnect' }, /input\.flowArns must name one address.*--flow/],
    [{ input: 'srt-caller', caller: ['a.example.org'] }, /input\.callers\.0/],
    [{ input: 'rtmp-push', allow: ['203.0.113.7/32'], url: ['https://example.org'] }, /urls/],
    [{ allow: ['203.0.113.7/32'] }, /input\.type/],
  ])('%j is refused by its name', (options, message) => {
    expect(() => readInputWish(inputOf(options))).toThrow(message);
  });
});
