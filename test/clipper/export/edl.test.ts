import { describe, expect, it } from 'vitest';

import { edlOf } from '../../../clipper/export/edl.ts';
import { frameOfTimecode, timecodeRate } from '../../../clipper/export/timecode.ts';
import { exportClip, ntsc } from './export-clips.ts';

interface Event {
  number: string;
  reel: string;
  channels: string;
  times: string[];
}

/** What a reader makes of it: fields between spaces, one event a line that begins with three digits. */
function eventsOf(text: string): Event[] {
  return text
    .split('\r\n')
    .filter((line) => /^\d{3} /.test(line))
    .map((line) => {
      const [number = '', reel = '', channels = '', , ...times] = line.split(/ +/);
      return { number, reel, channels, times };
    });
}

describe('an EDL', () => {
  it('is what CMX 3600 says, to the letter', () => {
    expect(edlOf({ title: 'Cup final', clips: [exportClip({ title: 'Müller 2:1' })] })).toBe(
      [
        'TITLE: Cup final',
        'FCM: NON-DROP FRAME',
        '',
        '001  89ABCDEF AA/V  C        00:00:00:00 00:00:10:00 01:00:00:00 01:00:10:00',
        '* FROM CLIP NAME: clp_0123456789abcdef-exact-1.wide.mp4',
        '* SOURCE FILE: clp_0123456789abcdef-exact-1.wide.mp4',
        '* COMMENT: Muller 2:1',
        '* COMMENT: goal 0.87: Crowd louder by 12 dB. The score changed.',
        '* COMMENT: TIME OF DAY 15:04:05:02 UTC ON 2026-11-28',
        '',
      ].join('\r\n'),
    );
  });

  it('runs on without a hole, over a minute whose first labels are dropped', () => {
    const clips = [1, 2, 3].map((n) =>
      exportClip({ clipId: `clp_${n}`, frameRate: ntsc, frameCount: 900 + n, hasSound: n !== 2 }),
    );
    const text = edlOf({ title: 'x', clips });
    expect(text).toContain('FCM: DROP FRAME');
    const events = eventsOf(text);
    expect(events.map(({ number, channels }) => `${number} ${channels}`)).toEqual([
      '001 AA/V',
      '002 V',
      '003 AA/V',
    ]);
    const rate = timecodeRate(ntsc)!;
    let at = frameOfTimecode('01:00:00;00', rate)!;
    for (const [index, { times }] of events.entries()) {
      const frames = times.map((time) => frameOfTimecode(time, rate));
      const count = clips[index]!.frameCount;
      expect(frames).toEqual([0, count, at, at + count]);
      at += count;
    }
    expect(events[1]?.times[3]).toBe('01:01:00;05');
  });

  it('gives no two files one reel', () => {
    const clips = ['clp_a_12345678', 'clp_b_12345678', 'clp_b_12345678', 'clp_c_12345678'].map((clipId) =>
      exportClip({ clipId }),
    );
    const reels = eventsOf(edlOf({ title: 'x', clips })).map(({ reel }) => reel);
    expect(reels).toEqual(['12345678', '12345671', '12345671', '12345672']);
  });

  it('cannot be given another line by a title', () => {
    const text = edlOf({ title: 'a\r\n002  X V C', clips: [exportClip({ title: 'b\n003  Y V C 2\u2028' })] });
    expect(eventsOf(text)).toHaveLength(1);
    expect(text).toMatch(/^[\x20-\x7e\r\n]*$/);
  });

  it('holds 999 events and not one more', () => {
    const clips = Array.from({ length: 1000 }, (_, n) => exportClip({ clipId: `clp_${n}` }));
    expect(eventsOf(edlOf({ title: 'x', clips: clips.slice(1) }))).toHaveLength(999);
    expect(() => edlOf({ title: 'x', clips })).toThrow('an EDL holds 999 events, not 1000');
  });

  it('names the clips that have another rate, or one without timecode', () => {
    const other = exportClip({ clipId: 'clp_other', frameRate: ntsc });
    expect(() => edlOf({ title: 'x', clips: [exportClip(), other] })).toThrow(
      'clp_0123456789abcdef has 25 fps, but clp_other has 29.97 fps',
    );
    const odd = exportClip({ frameRate: { num: 12_500, den: 1000 } });
    expect(() => edlOf({ title: 'x', clips: [odd] })).toThrow(/no timecode.*12\.5 fps/);
    const same = exportClip({ frameRate: { num: 25_000, den: 1000 } });
    expect(eventsOf(edlOf({ title: 'x', clips: [exportClip(), same] }))).toHaveLength(2);
  });
});
