import { describe, expect, it } from 'vitest';

import { otioOf } from '../../../clipper/export/otio.ts';
import { exportClip, ntsc } from './export-clips.ts';

interface Node {
  OTIO_SCHEMA: string;
  kind?: string;
  name?: string;
  children?: Node[];
  [key: string]: unknown;
}

const read = (text: string): { tracks: Node } & Node => JSON.parse(text) as { tracks: Node } & Node;

describe('OpenTimelineIO', () => {
  it('has a picture and a sound track of the same length, with the file of each clip named as the clip', () => {
    const clips = [
      exportClip(),
      exportClip({ clipId: 'clp_2', fileName: 'clp_2-a.wide.mp4', hasSound: false }),
    ];
    const timeline = read(otioOf({ title: 'Cup', clips }));
    expect(timeline).toMatchObject({
      OTIO_SCHEMA: 'Timeline.1',
      name: 'Cup',
      global_start_time: { OTIO_SCHEMA: 'RationalTime.1', rate: 25, value: 90_000 },
    });
    const [picture, sound] = timeline.tracks.children ?? [];
    expect([picture?.kind, sound?.kind]).toEqual(['Video', 'Audio']);
    expect(sound?.children?.map(({ OTIO_SCHEMA }) => OTIO_SCHEMA)).toEqual(['Clip.2', 'Gap.1']);
    const length = { start_time: { value: 0, rate: 25 }, duration: { value: 250, rate: 25 } };
    expect(picture?.children?.[0]).toMatchObject({
      OTIO_SCHEMA: 'Clip.2',
      name: clips[0]?.fileName,
      source_range: length,
      markers: [
        { OTIO_SCHEMA: 'Marker.2', marked_range: { start_time: { value: 100 }, duration: { value: 1 } } },
      ],
      media_references: {
        DEFAULT_MEDIA: {
          OTIO_SCHEMA: 'ExternalReference.1',
          target_url: clips[0]?.fileName,
          available_range: length,
        },
      },
      active_media_reference_key: 'DEFAULT_MEDIA',
      metadata: { touchline: { timeOfDay: '15:04:05:02', startUtc: '2026-11-28T15:04:05.080Z' } },
    });
    expect(sound?.children?.[1]).toMatchObject({ source_range: length });
  });

  it('holds clips of several rates, each in its own, 29.97 as the fraction that it is', () => {
    const clips = [
      exportClip(),
      exportClip({ frameRate: ntsc }),
      exportClip({ frameRate: { num: 12_500, den: 1000 } }),
    ];
    const [picture] = read(otioOf({ title: 'x', clips })).tracks.children ?? [];
    const rates = picture?.children?.map(
      (clip) => (clip['source_range'] as { duration: { rate: number } }).duration.rate,
    );
    expect(rates).toEqual([25, 30000 / 1001, 12.5]);
  });

  it('has no sound track where no clip has sound', () => {
    const timeline = read(otioOf({ title: 'x', clips: [exportClip({ hasSound: false })] }));
    expect(timeline.tracks.children?.map(({ kind }) => kind)).toEqual(['Video']);
  });
});
