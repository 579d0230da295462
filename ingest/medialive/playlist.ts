import { TouchlineError } from '../../core/errors.ts';

/** What a variant playlist says of one segment. */
export interface PlaylistEntry {
  /** When its first picture was taken; undefined when no date stands at or before it. */
  wallMs: number | undefined;
  durationMs: number;
  /** What comes before it does not join it. */
  isDiscontinuity: boolean;
  /** The segment before it in the list. */
  before: string | undefined;
}

export interface Playlist {
  /** By name; the names are plain ones, of objects beside the playlist. */
  entries: Map<string, PlaylistEntry>;
  /** Lines that were passed over, and why: the first twenty. */
  problems: string[];
  problemCount: number;
}

/** 24 h of 2 s segments are 43,200 entries of about 150 bytes. */
export const playlistBytesMax = 8 * 1024 * 1024;

/**
 * Reads a variant playlist (RFC 8216 §4) for the one thing that the segments do not hold themselves: when they happened.
 * Nothing in it is fetched or opened: an entry that points out of its own folder is passed over and named.
 *
 * @throws TouchlineError `ingest.bad-playlist` for what is no variant playlist at all
 */
export function readPlaylist(bytes: Uint8Array): Playlist {
  if (bytes.length > playlistBytesMax) {
    throw badPlaylist(`it has ${bytes.length} bytes (at most ${playlistBytesMax})`);
  }
  const lines = decode(bytes).split('\n');
  if (lines[0]?.trimEnd() !== '#EXTM3U') throw badPlaylist('it does not start with #EXTM3U');
  const playlist: Playlist = { entries: new Map(), problems: [], problemCount: 0 };
  const pass = (line: number, why: string): void => {
    playlist.problemCount += 1;
    if (playlist.problems.length < problemsMax) playlist.problems.push(`line ${line + 1}: ${why}`);
  };

  let durationMs: number | undefined;
  let datedMs: number | undefined;
  /** A date holds, plus durations, for the segments that join the dated one (§4.3.2.6). */
  let followingMs: number | undefined;
  let isDiscontinuity = false;
  let isGap = false;
  let before: string | undefined;
  for (const [at, untrimmed] of lines.entries()) {
    if (untrimmed.length > lineCharsMax) {
      pass(at, `it has ${untrimmed.length} characters (at most ${lineCharsMax})`);
      continue;
    }
    const line = untrimmed.trimEnd();
    if (line === '') continue;
    if (line.startsWith('#')) {
      const [tag, value] = splitTag(line);
      switch (tag) {
        case '#EXTINF':
          durationMs = readDurationMs(value);
          if (durationMs === undefined) pass(at, `"${shown(value)}" is no duration`);
          break;
        case '#EXT-X-PROGRAM-DATE-TIME': {
          const dateMs = readDateMs(value);
          if (dateMs === undefined) pass(at, `"${shown(value)}" is no date`);
          else datedMs = dateMs;
          break;
        }
        case '#EXT-X-DISCONTINUITY':
          isDiscontinuity = true;
          followingMs = undefined;
          break;
        case '#EXT-X-GAP':
          isGap = true;
          break;
        case '#EXT-X-STREAM-INF':
          throw badPlaylist('it is a list of variants, not of segments');
        case '#EXT-X-KEY':
          if (!/^METHOD=NONE\b/.test(value)) throw badPlaylist('its segments are encrypted');
          break;
        default: // RFC 8216 §6.3.1: tags that are not known are passed over.
      }
      continue;
    }
    const wallMs = datedMs ?? followingMs;
    if (!plainName.test(line)) pass(at, `"${shown(line)}" does not name a segment beside the playlist`);
    else if (durationMs === undefined) pass(at, `no duration stands before "${shown(line)}"`);
    else if (isGap) pass(at, `"${shown(line)}" is marked as missing`);
    else if (playlist.entries.has(line)) pass(at, `"${shown(line)}" is listed twice`);
    else {
      if (playlist.entries.size >= entriesMax) throw badPlaylist(`it lists more than ${entriesMax} segments`);
      playlist.entries.set(line, { wallMs, durationMs, isDiscontinuity, before });
      isDiscontinuity = false;
      before = line;
    }
    followingMs = wallMs === undefined || durationMs === undefined ? undefined : wallMs + durationMs;
    datedMs = undefined;
    durationMs = undefined;
    isGap = false;
  }
  return playlist;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badPlaylist('it is not UTF-8', cause);
  }
}

function splitTag(line: string): [string, string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1)];
}

/** `4.00400,title`: decimal, and nothing that `Number` would also take, such as `0x10` or `1e9`. */
function readDurationMs(value: string): number | undefined {
  const text = value.split(',')[0] ?? '';
  if (!/^\d{1,6}(\.\d{1,9})?$/.test(text)) return undefined;
  const durationMs = Math.round(Number(text) * 1000);
  return durationMs > 0 && durationMs <= durationMsMax ? durationMs : undefined;
}

/** ISO 8601 with a time zone: without one the same list would say something else on another machine. */
function readDateMs(value: string): number | undefined {
  const zoned = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:?\d\d)$/.exec(value.trim());
  const [, time, zone] = zoned ?? [];
  if (time === undefined || zone === undefined) return undefined;
  const dateMs = Date.parse(time + zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2'));
  return dateMs >= dateMsMin && dateMs < dateMsMax ? dateMs : undefined;
}

function shown(text: string): string {
  return text.slice(0, 60);
}

function badPlaylist(why: string, cause?: unknown): TouchlineError {
  return new TouchlineError({
    code: 'ingest.bad-playlist',
    message: `the playlist cannot be used: ${why}. Times are taken from the names of the segments instead`,
    retryable: false,
    blame: 'input',
    cause,
  });
}

const lineCharsMax = 1024;
const entriesMax = 100_000;
const problemsMax = 20;
/** MediaLive cuts at the next keyframe behind the length asked for: a minute is far beyond any of them. */
const durationMsMax = 60_000;
const dateMsMin = Date.UTC(2000, 0);
const dateMsMax = Date.UTC(2100, 0);
/** One part, no scheme, no slash, not hidden: what `readSegmentName` may then look at. */
const plainName = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,119}$/;
