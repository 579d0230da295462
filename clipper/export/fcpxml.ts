import type { ExportClip, ExportTimeline } from '../../core/export-timeline.ts';
import type { FrameRate } from '../../core/media-time.ts';
import { nameOf, noteOf, timeOfDay } from './clip-words.ts';
import { oneRate } from './export-fault.ts';
import { frameOfTimecode, timecodeRate } from './timecode.ts';

/**
 * FCPXML 1.10 (Final Cut Pro 10.6 and newer, DaVinci Resolve 18): a project whose spine holds the clips. Every time is a whole number of
 * frames, written as a fraction of a second (`1001/30000s`). Media is looked for beside the document.
 *
 * @throws TouchlineError `export.not-possible` when rates differ: the times of a sequence lie on the frames of one rate
 */
export function fcpxmlOf(timeline: ExportTimeline): string {
  const rate = oneRate(timeline, 'FCPXML');
  const { title, clips } = timeline;
  const formats = formatsOf(clips);
  const largest = formats.toSorted((one, other) => other.width * other.height - one.width * one.height)[0];
  const timecode = timecodeRate(rate);
  const isDrop = (timecode?.dropped ?? 0) > 0;
  const startFrame = timecode
    ? (frameOfTimecode(isDrop ? '01:00:00;00' : '01:00:00:00', timecode) ?? 0)
    : Math.round((3600 * rate.num) / rate.den);
  const frameCount = clips.reduce((sum, clip) => sum + clip.frameCount, 0);
  const tcFormat = isDrop ? 'DF' : 'NDF';
  const spine: string[] = [];
  let offset = startFrame;
  for (const [index, clip] of clips.entries()) {
    spine.push(...assetClip(clip, { ref: assetId(index), offset, tcFormat }));
    offset += clip.frameCount;
  }
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE fcpxml>',
    '<fcpxml version="1.10">',
    '  <resources>',
    ...formats.map(
      ({ id, width, height }) =>
        `    <format${attributes({ id, name: formatName(width, height, rate), frameDuration: seconds(1, rate), width, height, colorSpace: '1-1-1 (Rec. 709)' })}/>`,
    ),
    ...clips.flatMap((clip, index) => asset(clip, assetId(index), formats)),
    '  </resources>',
    '  <library>',
    `    <event${attributes({ name: title })}>`,
    `      <project${attributes({ name: title })}>`,
    `        <sequence${attributes({ format: largest?.id, duration: seconds(frameCount, rate), tcStart: seconds(startFrame, rate), tcFormat, audioLayout: 'stereo', audioRate: '48k' })}>`,
    '          <spine>',
    ...spine,
    '          </spine>',
    '        </sequence>',
    '      </project>',
    '    </event>',
    '  </library>',
    '</fcpxml>',
  ];
  return `${lines.join('\n')}\n`;
}

interface Format {
  id: string;
  width: number;
  height: number;
}

/** One for each size: all clips have one rate. */
function formatsOf(clips: readonly ExportClip[]): Format[] {
  const formats: Format[] = [];
  for (const { width, height } of clips) {
    if (formats.some((one) => one.width === width && one.height === height)) continue;
    formats.push({ id: `r${formats.length + 1}`, width, height });
  }
  return formats;
}

function assetId(index: number): string {
  return `a${index + 1}`;
}

function asset(clip: ExportClip, id: string, formats: readonly Format[]): string[] {
  const { width, height, frameCount, frameRate, hasSound, fileName } = clip;
  const format = formats.find((one) => one.width === width && one.height === height)?.id;
  const sound = hasSound ? { hasAudio: 1, audioSources: 1, audioChannels: 2, audioRate: 48_000 } : {};
  const about = {
    id,
    name: fileName,
    start: '0s',
    duration: seconds(frameCount, frameRate),
    hasVideo: 1,
    format,
    ...sound,
  };
  return [
    `    <asset${attributes(about)}>`,
    `      <media-rep${attributes({ kind: 'original-media', src: `./${encodeURIComponent(fileName)}` })}/>`,
    '    </asset>',
  ];
}

/** `offset` is the place in the sequence alone: the file's own times begin at 0. */
function assetClip(clip: ExportClip, at: { ref: string; offset: number; tcFormat: string }): string[] {
  const { frameRate, frameCount, hasSound } = clip;
  const about = {
    ref: at.ref,
    name: nameOf(clip),
    offset: seconds(at.offset, frameRate),
    start: '0s',
    duration: seconds(frameCount, frameRate),
    tcFormat: at.tcFormat,
    ...(hasSound ? { audioRole: 'dialogue' } : {}),
  };
  const day = timeOfDay(clip);
  const note = [noteOf(clip), clip.channelName, ...(day === undefined ? [] : [`${day} UTC`])].join('; ');
  const whole = { start: '0s', duration: seconds(frameCount, frameRate) };
  return [
    `            <asset-clip${attributes(about)}>`,
    `              <note>${escaped(note)}</note>`,
    `              <marker${attributes({ start: seconds(clip.peakFrame, frameRate), duration: seconds(1, frameRate), value: noteOf(clip) })}/>`,
    ...[clip.label, ...clip.tags].map(
      (value) => `              <keyword${attributes({ ...whole, value })}/>`,
    ),
    '            </asset-clip>',
  ];
}

/** Names that Final Cut knows; another size goes without. */
function formatName(width: number, height: number, { num, den }: FrameRate): string | undefined {
  const sizes: Record<string, string> = { '1280x720': '720p', '1920x1080': '1080p', '3840x2160': '2160p' };
  const rates: Record<string, string> = {
    '23.98': '2398',
    '24.00': '24',
    '25.00': '25',
    '29.97': '2997',
    '30.00': '30',
    '50.00': '50',
    '59.94': '5994',
    '60.00': '60',
  };
  const [size, rate] = [sizes[`${width}x${height}`], rates[(num / den).toFixed(2)]];
  if (size === undefined || rate === undefined) return undefined;
  return size === '2160p' ? `FFVideoFormat3840x2160p${rate}` : `FFVideoFormat${size}${rate}`;
}

/** So many frames, as a fraction in lowest terms. */
function seconds(frames: number, { num, den }: FrameRate): string {
  if (frames === 0) return '0s';
  const shared = greatestDivisor(frames * den, num);
  const [over, under] = [(frames * den) / shared, num / shared];
  return under === 1 ? `${over}s` : `${over}/${under}s`;
}

function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other);
}

function attributes(all: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(all)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${escaped(String(value))}"`]))
    .join('');
}

/** Without the characters that XML 1.0 (§2.2) has no way to write. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
