import { describe, expect, it } from 'vitest';

import { mediaPlaylist } from '../../../control/watch/playlist.ts';
import { markOf } from './marks.ts';

const marks = (count: number) => Array.from({ length: count }, (_, seq) => markOf(seq));

describe('the playlist of a run', () => {
  it('grows while the run is live and is closed when it has ended', () => {
    const live = mediaPlaylist(marks(2), { isLive: true });
    expect(live.split('\n')).toEqual([
      '#EXTM3U',
      '#EXT-X-VERSION:9',
      '#EXT-X-TARGETDURATION:10',
      '#EXT-X-PLAYLIST-TYPE:EVENT',
      '#EXT-X-MEDIA-SEQUENCE:0',
      '#EXT-X-INDEPENDENT-SEGMENTS',
      '#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=60.0',
      '#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000Z',
      '#EXTINF:4.000,',
      'segments/0.ts',
      '#EXTINF:4.000,',
      'segments/1.ts',
      '',
    ]);
    const ended = mediaPlaylist(marks(2), { isLive: false });
    expect(ended.endsWith('segments/1.ts\n#EXT-X-ENDLIST\n')).toBe(true);
    expect(ended).not.toContain('CAN-SKIP-UNTIL');
    // What a player has already only ever grows.
    expect(mediaPlaylist(marks(3), { isLive: true }).startsWith(live)).toBe(true);
  });

  it('is a playlist before the first segment as well', () => {
    expect(mediaPlaylist([], { isLive: true })).toContain('#EXT-X-MEDIA-SEQUENCE:0\n');
  });

  it('starts afresh where decoders do, and says the time again', () => {
    const [first, second] = [markOf(0), markOf(1)];
    const text = mediaPlaylist(
      [
        { ...first, isDiscontinuity: true },
        { ...second, isDiscontinuity: true, startWallMs: 1_700_000_060_000, gapBeforeMs: 56_000 },
      ],
      { isLive: true },
    );
    expect(text.match(/#EXT-X-DISCONTINUITY\n/g)).toHaveLength(1);
    expect(text).toContain(
      '#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:14:20.000Z\n#EXTINF:4.000,\nsegments/1.ts',
    );
  });

  it.each([
    [20, 1],
    [21, 2],
    [-21, 2],
  ])('says the time again when the clocks are %i ms apart: %i times', (apartMs, times) => {
    const [first, second] = [markOf(0), markOf(1)];
    const text = mediaPlaylist([first, { ...second, startWallMs: second.startWallMs + apartMs }], {
      isLive: true,
    });
    expect(text.match(/PROGRAM-DATE-TIME/g)).toHaveLength(times);
  });

  it('lets players pass over what is broken, but not over what only could not be looked at', () => {
    const [first, second, third] = [markOf(0), markOf(1), markOf(2)];
    const text = mediaPlaylist(
      [
        { ...first, state: 'dead', deadReason: 'corrupt: no sync byte' },
        { ...second, state: 'dead', deadReason: 'given-up: worker died' },
        { ...third, bytes: 0 },
      ],
      { isLive: false },
    );
    expect(text.match(/#EXT-X-GAP\nsegments\/(\d)/g)).toEqual([
      '#EXT-X-GAP\nsegments/0',
      '#EXT-X-GAP\nsegments/2',
    ]);
  });

  it('waits for a number that is on its way, and goes round it when the run has ended', () => {
    const [first, third] = [markOf(0), markOf(2)];
    expect(mediaPlaylist([first, third], { isLive: true })).not.toContain('2.ts');
    expect(mediaPlaylist([first, third], { isLive: false })).toContain(
      '#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:28.000Z\n#EXTINF:4.000,\nsegments/2.ts',
    );
  });

  it('leaves out what came when the run had gone past it, and does not stop there', () => {
    const [first, second, third] = [markOf(0), markOf(1), markOf(2)];
    const text = mediaPlaylist([first, { ...second, toMs: second.fromMs }, third], { isLive: true });
    expect(text).not.toContain('segments/1.ts');
    expect(text).toContain('segments/2.ts');
  });

  it('says a target that no segment passes', () => {
    const first = markOf(0);
    const lasting = (ms: number) =>
      /TARGETDURATION:(\d+)/.exec(mediaPlaylist([{ ...first, toMs: ms }], { isLive: true }))?.[1];
    expect(lasting(10_499)).toBe('10');
    expect(lasting(10_500)).toBe('11');
  });

  it('leaves out for an update what lies a minute before the end, and no more', () => {
    const text = mediaPlaylist(marks(20), { isLive: true, isUpdate: true });
    expect(text).toContain('#EXT-X-SKIP:SKIPPED-SEGMENTS=5\n#EXTINF:4.000,\nsegments/5.ts');
    expect(text).toContain('#EXT-X-MEDIA-SEQUENCE:0\n');
    expect(text.match(/#EXTINF/g)).toHaveLength(15);
    expect(mediaPlaylist(marks(15), { isLive: true, isUpdate: true })).not.toContain('EXT-X-SKIP');
    expect(mediaPlaylist(marks(20), { isLive: false, isUpdate: true })).not.toContain('EXT-X-SKIP');
  });
});
