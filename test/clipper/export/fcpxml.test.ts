import { describe, expect, it } from 'vitest';

import { fcpxmlOf } from '../../../clipper/export/fcpxml.ts';
import { exportClip, ntsc } from './export-clips.ts';

interface Element {
  name: string;
  attributes: Record<string, string>;
  children: Element[];
  text: string;
}

/** Reads XML strictly: what is not closed, not escaped or not a name is an error. */
function read(xml: string): Element {
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  let rest = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n<!DOCTYPE fcpxml>\n/, '');
  while (rest !== '') {
    const text = /^[^<]+/.exec(rest)?.[0] ?? '';
    rest = rest.slice(text.length);
    open.at(-1)!.text += plain(text);
    if (rest === '') break;
    const tag = /^<(\/?)([a-z-]+)((?: [A-Za-z]+="[^"<]*")*)(\/?)>/.exec(rest);
    if (!tag) throw new Error(`no tag: ${rest.slice(0, 60)}`);
    const [whole, closes, name = '', attributes = '', isEmpty] = tag;
    rest = rest.slice(whole.length);
    if (closes) {
      if (open.pop()?.name !== name) throw new Error(`${name} is closed and was not open`);
      continue;
    }
    const pairs = [...attributes.matchAll(/ ([A-Za-z]+)="([^"]*)"/g)];
    const element: Element = {
      name,
      attributes: Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, plain(value)])),
      children: [],
      text: '',
    };
    open.at(-1)?.children.push(element);
    if (!isEmpty) open.push(element);
  }
  if (open.length !== 1) throw new Error('not all is closed');
  return root.children[0]!;
}

function plain(text: string): string {
  if (/&(?!amp;|lt;|gt;|quot;)/.test(text)) throw new Error(`not escaped: ${text}`);
  const characters: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' };
  return text.replaceAll(/&(\w+);/g, (_, name: string) => characters[name]!);
}

function all(element: Element, name: string): Element[] {
  return element.children.flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)]);
}

/** Frames of a time, which has to be a whole number of them. */
function frames(time: string | undefined, { num, den }: { num: number; den: number }): number {
  const [, over = '', under = '1'] = /^(\d+)(?:\/(\d+))?s$/.exec(time ?? '') ?? [];
  const count = (Number(over) * num) / (Number(under) * den);
  expect(count, time).toBe(Math.round(count));
  return count;
}

describe('FCPXML', () => {
  it('stands its clips one behind the other, on frames of 1001/30000 s, in a project and nowhere else', () => {
    const clips = [
      exportClip({ frameRate: ntsc, frameCount: 299, peakFrame: 100 }),
      exportClip({ frameRate: ntsc, frameCount: 1, peakFrame: 0, hasSound: false, fileName: 'b c.mp4' }),
      exportClip({ frameRate: ntsc, frameCount: 1000, width: 1280, height: 720 }),
    ];
    const document = read(fcpxmlOf({ title: 'Cup', clips }));
    expect(document.attributes['version']).toBe('1.10');
    const formats = all(document, 'format');
    expect(formats.map(({ attributes }) => [attributes['name'], attributes['frameDuration']])).toEqual([
      ['FFVideoFormat1080p2997', '1001/30000s'],
      ['FFVideoFormat720p2997', '1001/30000s'],
    ]);
    const [sequence] = all(document, 'sequence');
    expect(sequence?.attributes).toMatchObject({ format: 'r1', tcFormat: 'DF', audioRate: '48k' });
    expect(frames(sequence?.attributes['tcStart'], ntsc)).toBe(107_892);
    expect(frames(sequence?.attributes['duration'], ntsc)).toBe(1300);
    const placed = all(document, 'asset-clip');
    expect(all(sequence!, 'asset-clip')).toEqual(placed);
    expect(placed.map(({ attributes }) => frames(attributes['offset'], ntsc))).toEqual([
      107_892, 108_191, 108_192,
    ]);
    expect(placed.map(({ attributes }) => frames(attributes['duration'], ntsc))).toEqual([299, 1, 1000]);
    // The times of the file, which begin at 0, and never those of the sequence.
    expect(placed.map(({ attributes }) => attributes['start'])).toEqual(['0s', '0s', '0s']);
    expect(frames(all(placed[0]!, 'marker')[0]?.attributes['start'], ntsc)).toBe(100);
    expect(placed[0]?.children.map(({ name }) => name)).toEqual([
      'note',
      'marker',
      'keyword',
      'keyword',
      'keyword',
    ]);
    const assets = all(document, 'asset');
    expect(
      assets.map(({ attributes }) => [attributes['format'], attributes['hasAudio'], attributes['start']]),
    ).toEqual([
      ['r1', '1', '0s'],
      ['r1', undefined, '0s'],
      ['r2', '1', '0s'],
    ]);
    expect(all(assets[1]!, 'media-rep')[0]?.attributes['src']).toBe('./b%20c.mp4');
    const ids = [...formats, ...assets].map(({ attributes }) => attributes['id']);
    expect(new Set(ids).size).toBe(ids.length);
    expect(placed.every(({ attributes }) => ids.includes(attributes['ref']))).toBe(true);
  });

  it.each([
    [{ num: 25, den: 1 }, '1/25s', 'NDF', '3600s'],
    [{ num: 50, den: 1 }, '1/50s', 'NDF', '3600s'],
    [{ num: 24000, den: 1001 }, '1001/24000s', 'NDF', '18018/5s'],
    [{ num: 60000, den: 1001 }, '1001/60000s', 'DF', '8999991/2500s'],
    [{ num: 12_500, den: 1000 }, '2/25s', 'NDF', '3600s'],
  ])('counts %j as it has to', (frameRate, frameDuration, tcFormat, tcStart) => {
    const document = read(fcpxmlOf({ title: 'x', clips: [exportClip({ frameRate })] }));
    expect(all(document, 'format')[0]?.attributes['frameDuration']).toBe(frameDuration);
    expect(all(document, 'sequence')[0]?.attributes).toMatchObject({ tcFormat, tcStart });
  });

  it('names no format that Final Cut does not know', () => {
    const document = read(fcpxmlOf({ title: 'x', clips: [exportClip({ width: 854, height: 480 })] }));
    expect(all(document, 'format')[0]?.attributes).toMatchObject({ width: '854', height: '480' });
    expect(all(document, 'format')[0]?.attributes).not.toHaveProperty('name');
  });

  it('writes whatever people typed as text', () => {
    const title = `"><script>&amp;</event> \u0000\u0008\ufffe\ud800 \u{1f3c6}`;
    const document = read(fcpxmlOf({ title, clips: [exportClip({ title, tags: [title] })] }));
    const expected = '"><script>&amp;</event> \u{1f3c6}';
    expect(all(document, 'project')[0]?.attributes['name']).toBe(expected);
    expect(all(document, 'asset-clip')[0]?.attributes['name']).toBe(expected);
    expect(all(document, 'keyword').map(({ attributes }) => attributes['value'])).toEqual(['goal', expected]);
  });

  it('refuses rates that differ, naming the clips', () => {
    const clips = [exportClip(), exportClip({ clipId: 'clp_other', frameRate: ntsc })];
    expect(() => fcpxmlOf({ title: 'x', clips })).toThrow(
      /FCPXML holds one frame rate.*clp_other has 29\.97 fps/,
    );
  });
});
