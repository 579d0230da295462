import type { ExportClip, ExportTimeline } from '../../core/export-timeline.ts';
import type { FrameRate } from '../../core/media-time.ts';
import { nameOf, noteOf, timeOfDay } from './clip-words.ts';

/**
 * OpenTimelineIO's JSON with the schemas that every reader has (`Clip.2`, `Marker.2`, not newer ones: readers upgrade what is older and refuse
 * what is newer). Clips may have different rates. A clip is named like its file, for programs find media by it.
 */
export function otioOf(timeline: ExportTimeline): string {
  const { title, clips } = timeline;
  const first = clips[0];
  const document = {
    OTIO_SCHEMA: 'Timeline.1',
    name: title,
    // One hour, as is usual for a programme.
    global_start_time: first
      ? time(Math.round((3600 * first.frameRate.num) / first.frameRate.den), first.frameRate)
      : null,
    metadata: { touchline: { schema: 'touchline.export/v1' } },
    tracks: {
      OTIO_SCHEMA: 'Stack.1',
      name: 'tracks',
      ...item,
      source_range: null,
      children: [
        track('V1', 'Video', clips.map(clipOf)),
        ...(clips.some(({ hasSound }) => hasSound)
          ? [
              track(
                'A1',
                'Audio',
                clips.map((clip) => (clip.hasSound ? clipOf(clip) : silence(clip))),
              ),
            ]
          : []),
      ],
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const item = { effects: [], markers: [], enabled: true, metadata: {} };

function track(name: string, kind: 'Video' | 'Audio', children: object[]): object {
  return { OTIO_SCHEMA: 'Track.1', name, kind, ...item, source_range: null, children };
}

function clipOf(clip: ExportClip): object {
  const { fileName, frameRate, frameCount } = clip;
  return {
    OTIO_SCHEMA: 'Clip.2',
    name: fileName,
    ...item,
    source_range: range(0, frameCount, frameRate),
    markers: [
      {
        OTIO_SCHEMA: 'Marker.2',
        name: noteOf(clip),
        color: 'RED',
        marked_range: range(clip.peakFrame, 1, frameRate),
        metadata: {},
      },
    ],
    metadata: {
      touchline: {
        clipId: clip.clipId,
        channel: clip.channelName,
        title: nameOf(clip),
        label: clip.label,
        score: clip.score,
        decision: clip.decision,
        tags: clip.tags,
        reasons: clip.reasons,
        startUtc: new Date(clip.startWallMs).toISOString(),
        timeOfDay: timeOfDay(clip) ?? null,
        url: clip.url,
      },
    },
    media_references: {
      DEFAULT_MEDIA: {
        OTIO_SCHEMA: 'ExternalReference.1',
        name: fileName,
        // Beside the exported file. The files hold no timecode of their own: they begin at 0.
        target_url: fileName,
        available_range: range(0, frameCount, frameRate),
        available_image_bounds: null,
        metadata: {},
      },
    },
    active_media_reference_key: 'DEFAULT_MEDIA',
  };
}

function silence({ frameCount, frameRate }: ExportClip): object {
  return { OTIO_SCHEMA: 'Gap.1', name: '', ...item, source_range: range(0, frameCount, frameRate) };
}

function range(start: number, duration: number, rate: FrameRate): object {
  return {
    OTIO_SCHEMA: 'TimeRange.1',
    start_time: time(start, rate),
    duration: time(duration, rate),
  };
}

function time(value: number, { num, den }: FrameRate): object {
  return { OTIO_SCHEMA: 'RationalTime.1', rate: num / den, value };
}
