import type { ExportClip, ExportTimeline } from '../../core/export-timeline.ts';
import { nameOf, noteOf, timeOfDay, withoutAccents } from './clip-words.ts';
import { listed, notPossible, oneRate } from './export-fault.ts';
import { frameOfTimecode, timecodeOf, timecodeRate, type TimecodeRate } from './timecode.ts';

/** CMX 3600 counts events with three digits. */
const eventCountMax = 999;

/**
 * CMX 3600: one event a clip, picture and both channels of sound together. Source times are those of the file, which holds no timecode of
 * its own and so begins at 0 (a program refuses media whose times are others than it was told); the time of the day stands beside as a comment.
 * The programme begins at one hour. ASCII, CR LF, as the oldest readers want it.
 *
 * @throws TouchlineError `export.not-possible`: rates that differ or have no timecode, or more than 999 clips
 */
export function edlOf(timeline: ExportTimeline): string {
  const frameRate = oneRate(timeline, 'an EDL');
  const rate = timecodeRate(frameRate);
  const { title, clips } = timeline;
  if (!rate)
    throw notPossible(
      `no timecode is defined for these rates: ${listed(clips)}. Export them as OpenTimelineIO`,
    );
  if (clips.length > eventCountMax)
    throw notPossible(`an EDL holds ${eventCountMax} events, not ${clips.length}: export them in parts`);
  const reels = reelNames(clips);
  const lines = [
    `TITLE: ${ascii(title).slice(0, 70)}`,
    `FCM: ${rate.dropped === 0 ? 'NON-DROP FRAME' : 'DROP FRAME'}`,
  ];
  let recordFrame = frameOfTimecode(rate.dropped === 0 ? '01:00:00:00' : '01:00:00;00', rate) ?? 0;
  for (const [index, clip] of clips.entries()) {
    const times = [0, clip.frameCount, recordFrame, recordFrame + clip.frameCount];
    lines.push('', eventLine(index + 1, reels[index] ?? 'AX', clip, times, rate), ...comments(clip));
    recordFrame += clip.frameCount;
  }
  return `${lines.join('\r\n')}\r\n`;
}

function eventLine(
  number: number,
  reel: string,
  { hasSound }: ExportClip,
  times: readonly number[],
  rate: TimecodeRate,
): string {
  const channels = hasSound ? 'AA/V' : 'V';
  const fields = [String(number).padStart(3, '0'), '', reel.padEnd(8), channels.padEnd(5), 'C       '];
  return `${fields.join(' ')} ${times.map((frame) => timecodeOf(frame, rate)).join(' ')}`;
}

function comments(clip: ExportClip): string[] {
  const day = timeOfDay(clip);
  return [
    `* FROM CLIP NAME: ${clip.fileName}`,
    `* SOURCE FILE: ${clip.fileName}`,
    `* COMMENT: ${ascii(nameOf(clip))}`,
    `* COMMENT: ${ascii(noteOf(clip))}`,
    ...(day === undefined
      ? []
      : [`* COMMENT: TIME OF DAY ${day} UTC ON ${new Date(clip.startWallMs).toISOString().slice(0, 10)}`]),
  ];
}

/** Eight letters and digits for each, no two alike: by them a program knows which events are of one file. */
function reelNames(clips: readonly ExportClip[]): string[] {
  const taken = new Map<string, string>();
  return clips.map(({ clipId }) => {
    const letters = clipId.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
    let reel = letters.slice(-8);
    for (let n = 1; taken.has(reel) && taken.get(reel) !== clipId; n += 1)
      reel = `${letters.slice(-8).slice(0, 8 - String(n).length)}${n}`;
    taken.set(reel, clipId);
    return reel;
  });
}

/** Without accents, and without whatever would begin another line or event. */
function ascii(text: string): string {
  return withoutAccents(text)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .trim();
}
