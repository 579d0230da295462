import { expect, it } from 'vitest';

import { csvOf } from '../../../clipper/export/csv.ts';
import { exportClip, ntsc } from './export-clips.ts';

/** RFC 4180. */
function rowsOf(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text
    .replace('\ufeff', '')
    .matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === '\r\n') rows.push([]);
  }
  return rows.slice(0, -1);
}

it('is a table that a spreadsheet reads as it was meant, and computes nothing of', () => {
  const clips = [
    exportClip({ frameRate: ntsc, title: '=HYPERLINK("http://x")', reasons: ['one, two', 'three'] }),
    exportClip({ title: '+1', channelName: '@cmd', tags: ['-2'] }),
    exportClip({ title: 'Größe "M"\nzweite Zeile', label: '\tx' }),
  ];
  const text = csvOf({ title: '', clips });
  expect(text.startsWith('\ufeffclip,channel,title,label,score,')).toBe(true);
  expect(text.endsWith('\r\n')).toBe(true);
  const [head = [], ...rows] = rowsOf(text);
  const cell = (row: number, name: string): string | undefined => rows[row]?.[head.indexOf(name)];
  expect(rows.map(({ length }) => length)).toEqual([head.length, head.length, head.length]);
  expect(cell(0, 'title')).toBe(`'=HYPERLINK("http://x")`);
  expect(cell(0, 'reasons')).toBe('one, two | three');
  expect(cell(0, 'frame_rate')).toBe('30000/1001');
  expect(cell(0, 'duration_s')).toBe('8.342');
  expect(cell(0, 'time_of_day')).toMatch(/^15:04:05;0\d$/);
  expect([cell(1, 'title'), cell(1, 'channel'), cell(1, 'tags')]).toEqual(["'+1", "'@cmd", "'-2"]);
  expect(cell(1, 'start_utc')).toBe('2026-11-28T15:04:05.080Z');
  expect(cell(2, 'title')).toBe('Größe "M"\nzweite Zeile');
  expect(cell(2, 'label')).toBe("'\tx");
});
