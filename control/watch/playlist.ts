import type { SegmentMark } from './segment-marks.ts';

/**
 * The longest segment that a segmenter closes, in s, whatever it aims at: EXT-X-TARGETDURATION is an upper bound for what is still
 * to come and must not change (RFC 8216 §4.3.3.1).
 */
const targetSeconds = 10;
/** A media clock and a wall clock that differ by more are said anew. */
const wallDriftMsMax = 20;
/** So much at the end is always listed in full (draft-pantos-hls-rfc8216bis §4.4.3.8: at least six target durations). */
const skipFromEndSeconds = 6 * targetSeconds;

/**
 * The segments of a run as a media playlist of HLS: EVENT while more may come, so that a player keeps all of it for looking back,
 * and closed with EXT-X-ENDLIST after. Time that nothing was received in is not there; the jump shows in EXT-X-PROGRAM-DATE-TIME
 * behind an EXT-X-DISCONTINUITY. What is broken stands as EXT-X-GAP: players go on behind it. The address of a segment is its
 * number in the run: `segments/12.ts`.
 *
 * @param isUpdate the player has the older part already (EXT-X-SKIP): a match of three hours is 2,700 lines otherwise
 */
export function mediaPlaylist(
  marks: readonly SegmentMark[],
  { isLive, isUpdate = false }: { isLive: boolean; isUpdate?: boolean },
): string {
  const listed = (isLive ? withoutHoles(marks) : marks).filter((mark) => mark.toMs > mark.fromMs);
  const longest = Math.max(targetSeconds, ...listed.map((mark) => Math.round(durationMs(mark) / 1000)));
  const skipped = isUpdate && isLive ? skippable(listed) : 0;
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:9',
    `#EXT-X-TARGETDURATION:${longest}`,
    '#EXT-X-PLAYLIST-TYPE:EVENT',
    `#EXT-X-MEDIA-SEQUENCE:${listed[0]?.seq ?? 0}`,
    '#EXT-X-INDEPENDENT-SEGMENTS',
  ];
  if (isLive) lines.push(`#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=${skipFromEndSeconds}.0`);
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  let before: SegmentMark | undefined = listed[skipped - 1];
  for (const mark of listed.slice(skipped)) {
    if (before && (mark.isDiscontinuity || mark.gapBeforeMs > 0 || mark.seq !== before.seq + 1)) {
      lines.push('#EXT-X-DISCONTINUITY');
    }
    if (!before || saysTime(before, mark)) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(mark.startWallMs).toISOString()}`);
    }
    lines.push(`#EXTINF:${(durationMs(mark) / 1000).toFixed(3)},`);
    if (isBroken(mark)) lines.push('#EXT-X-GAP');
    lines.push(`segments/${mark.seq}.ts`);
    before = mark;
  }
  if (!isLive) lines.push('#EXT-X-ENDLIST');
  return `${lines.join('\n')}\n`;
}

function durationMs(mark: SegmentMark): number {
  return mark.toMs - mark.fromMs;
}

/** Numbers come in order; one that is on its way still would have to be slipped in later, which no playlist may. */
function withoutHoles(marks: readonly SegmentMark[]): readonly SegmentMark[] {
  const hole = marks.findIndex((mark, index) => index > 0 && mark.seq !== (marks[index - 1]?.seq ?? 0) + 1);
  return hole < 0 ? marks : marks.slice(0, hole);
}

function skippable(marks: readonly SegmentMark[]): number {
  const endMs = marks.at(-1)?.toMs ?? 0;
  const kept = marks.findIndex((mark) => mark.toMs > endMs - skipFromEndSeconds * 1000);
  return Math.max(0, kept);
}

function saysTime(before: SegmentMark, mark: SegmentMark): boolean {
  if (mark.isDiscontinuity || mark.gapBeforeMs > 0 || mark.seq !== before.seq + 1) return true;
  const expected = before.startWallMs + durationMs(before);
  return Math.abs(mark.startWallMs - expected) > wallDriftMsMax;
}

/** Media of a segment that died for another reason plays well. */
function isBroken(mark: SegmentMark): boolean {
  return mark.bytes === 0 || (mark.deadReason?.startsWith('corrupt') ?? false);
}
