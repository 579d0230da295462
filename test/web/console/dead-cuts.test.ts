import { describe, expect, it } from 'vitest';

import { reasonOf, whatIsMissing } from '../../../web/console/pages/operations/dead-cut-words.ts';

describe('a dead cut', () => {
  it.each([
    ['fast', false, 'it has no file'],
    ['whole', false, 'it has no file'],
    ['exact', true, 'the fast one is shown'],
    ['whole', true, 'vertical'],
    ['edit-whole', true, 'vertical'],
    ['edit-exact', true, 'the cut before it is shown'],
  ])('of stage %s, with a file: %s, says what is missing: %s', (stage, hasFile, words) => {
    expect(whatIsMissing({ stage, hasFile })).toContain(words);
  });

  it.each([
    [
      'failed: ffmpeg stopped with exit code 1 after 3 ms while cutting (last line: "say "moov"\nnot (found)")',
      'failed: ffmpeg stopped with exit code 1 after 3 ms while cutting',
      'say "moov"\nnot (found)',
    ],
    ['failed: ffmpeg stopped (last line: "")', 'failed: ffmpeg stopped', undefined],
    ['no-media: no picture', 'no-media: no picture', undefined],
  ])('keeps what ffmpeg said apart: %j', (why, line, ffmpegSaid) => {
    expect(reasonOf(why)).toEqual({ line, ffmpegSaid });
  });
});
