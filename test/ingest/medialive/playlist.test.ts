import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { playlistBytesMax, readPlaylist } from '../../../ingest/medialive/playlist.ts';

const start = Date.UTC(2026, 2, 1, 12);

function read(...lines: string[]): ReturnType<typeof readPlaylist> {
  return readPlaylist(Buffer.from(['#EXTM3U', ...lines].join('\n')));
}

describe('a variant playlist', () => {
  it('says when each segment happened, how long it is and what it does not join', () => {
    const { entries, problemCount } = read(
      '#EXT-X-VERSION:3',
      '#EXT-X-PLAYLIST-TYPE:EVENT',
      '#EXT-X-TARGETDURATION:4',
      '#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00.000Z',
      '#EXTINF:4.00400,',
      'a.ts',
      '#EXT-X-PROGRAM-DATE-TIME:2026-03-01T13:00:04.004+01:00',
      '#EXTINF:4,\r',
      'b.ts\r',
      '#EXT-X-DISCONTINUITY',
      '#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:05:00.5+0000',
      '#EXTINF:3.5,title, with a comma',
      'c.ts',
    );
    expect(problemCount).toBe(0);
    expect([...entries]).toEqual([
      ['a.ts', { wallMs: start, durationMs: 4004, isDiscontinuity: false, before: undefined }],
      ['b.ts', { wallMs: start + 4004, durationMs: 4000, isDiscontinuity: false, before: 'a.ts' }],
      ['c.ts', { wallMs: start + 300_500, durationMs: 3500, isDiscontinuity: true, before: 'b.ts' }],
    ]);
  });

  it('that dates only now and then dates what joins the dated one, and nothing behind a discontinuity', () => {
    const { entries } = read(
      '#EXTINF:4,',
      'undated.ts',
      '#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00Z',
      '#EXTINF:4.004,',
      'a.ts',
      '#EXTINF:4,',
      'b.ts',
      '#EXTINF:4,',
      'c.ts',
      '#EXT-X-DISCONTINUITY',
      '#EXTINF:4,',
      'd.ts',
    );
    expect([...entries.values()].map((entry) => entry.wallMs)).toEqual([
      undefined,
      start,
      start + 4004,
      start + 8004,
      undefined,
    ]);
  });

  it('may say the date before the discontinuity that it belongs behind', () => {
    const { entries } = read(
      '#EXT-X-PROGRAM-DATE-TIME:2026-03-01T12:00:00Z',
      '#EXT-X-DISCONTINUITY',
      '#EXTINF:4,',
      'a.ts',
    );
    expect(entries.get('a.ts')).toMatchObject({ wallMs: start, isDiscontinuity: true });
  });

  it.each([
    'http://example.com/a.ts',
    'https:a.ts',
    '//example.com/a.ts',
    'file:///etc/passwd',
    'concat:a.ts|b.ts',
    '../a.ts',
    '..',
    '/a.ts',
    'sub/a.ts',
    '.hidden.ts',
    'a.ts?token=1',
    'a%2e%2e.ts',
    'a b.ts',
    'a\\b.ts',
    'a\u0000.ts',
    'ä.ts',
    `${'a'.repeat(200)}.ts`,
  ])('entry %j is passed over and named, and spoils nothing', (uri) => {
    const { entries, problems } = read('#EXTINF:4,', uri, '#EXTINF:4,', 'good.ts');
    expect([...entries.keys()]).toEqual(['good.ts']);
    expect(problems).toEqual([expect.stringMatching(/^line 3: .* does not name a segment/)]);
  });

  it.each(['0', '-4', '4e9', '0x10', 'NaN', 'Infinity', '', '60.001', '9999999', ' 4', '4;'])(
    'duration %j is none',
    (duration) => {
      const { entries, problemCount } = read(`#EXTINF:${duration},`, 'a.ts', '#EXTINF:60,', 'b.ts');
      expect([...entries.keys()]).toEqual(['b.ts']);
      expect(problemCount).toBe(2);
    },
  );

  it.each([
    '2026-03-01T12:00:00',
    '2026-02-30',
    'now',
    '1999-12-31T23:59:59Z',
    '2100-01-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '',
  ])('date %j is none', (date) => {
    const { entries, problemCount } = read(`#EXT-X-PROGRAM-DATE-TIME:${date}`, '#EXTINF:4,', 'a.ts');
    expect(entries.get('a.ts')?.wallMs).toBeUndefined();
    expect(problemCount).toBe(1);
  });

  it('takes what is marked as missing, or comes twice, for no segment', () => {
    const { entries, problemCount } = read(
      '#EXT-X-GAP',
      '#EXTINF:4,',
      'a.ts',
      '#EXTINF:4,',
      'b.ts',
      '#EXTINF:2,',
      'b.ts',
    );
    expect([...entries]).toEqual([['b.ts', expect.objectContaining({ durationMs: 4000 })]]);
    expect(problemCount).toBe(2);
  });

  it.each([
    ['something else', Buffer.from('<html></html>')],
    ['nothing', Buffer.alloc(0)],
    ['no UTF-8', Buffer.concat([Buffer.from('#EXTM3U\n'), Buffer.from([0xff, 0xfe])])],
    ['a list of variants', Buffer.from('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8')],
    [
      'encrypted segments',
      Buffer.from('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="http://e/k"\n#EXTINF:4,\na.ts'),
    ],
    ['too many bytes', Buffer.alloc(playlistBytesMax + 1, '#EXTM3U\n')],
    ['too many segments', Buffer.from(`#EXTM3U\n${manySegments(100_001)}`)],
  ])('of %s is refused whole', (_, bytes) => {
    expect(() => readPlaylist(bytes)).toThrow(expect.objectContaining({ code: 'ingest.bad-playlist' }));
  });

  it('of 24 h is read in well under a second', () => {
    const bytes = Buffer.from(`#EXTM3U\n${manySegments(43_200)}`);
    const startedAt = performance.now();
    expect(readPlaylist(bytes).entries.size).toBe(43_200);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  it('names at most twenty of its faults, and counts them all', () => {
    const { problems, problemCount } = read(...Array.from({ length: 50 }, () => '#EXTINF:x,'));
    expect([problems.length, problemCount]).toEqual([20, 50]);
    expect(read('#'.repeat(1_000_000)).problems[0]).toMatch(/1000000 characters/);
  });

  it('of any lines gives out plain names, good times, or an error of its own', () => {
    const line = fc.oneof(
      fc.constantFrom('#EXTINF:4,', '#EXT-X-DISCONTINUITY', 'a.ts', 'b.ts', '#EXT-X-GAP', '#EXT-X-ENDLIST'),
      fc.date({ noInvalidDate: true }).map((date) => `#EXT-X-PROGRAM-DATE-TIME:${date.toISOString()}`),
      fc.double().map((seconds) => `#EXTINF:${seconds}`),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        for (const [name, entry] of read(...lines).entries) {
          expect(name).toMatch(/^[\w-][\w.-]*$/);
          expect(entry.durationMs).toBeGreaterThan(0);
          expect(Number.isInteger(entry.wallMs ?? 0)).toBe(true);
        }
      }),
      { numRuns: 500, seed: 3 },
    );
  });
});

function manySegments(count: number): string {
  return Array.from({ length: count }, (_, at) => `#EXTINF:2,\nv_${at}.ts`).join('\n');
}
