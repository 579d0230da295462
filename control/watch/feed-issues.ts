import type { AdviceKind } from '../../ingest/channel.ts';
import type { FeedSample } from './feed-history.ts';

export type FeedIssueType =
  | 'noData'
  | 'stalled'
  | 'noVideo'
  | 'gopSizeLong'
  | 'videoBitrateLow'
  | 'bitrateHigh'
  | 'framerateUnsteady'
  | 'framerateLow'
  | 'noAudioStream'
  | 'audioSilent'
  | 'audioTooLoud'
  | 'networkGaps'
  | 'clockJumps'
  | 'reconnects'
  | 'framesDropped'
  | 'other';

export interface FeedIssue {
  type: FeedIssueType;
  severity: 'error' | 'warning' | 'info';
  reason: string;
  description: string;
}

/** All that is known of a contributor's feed at one instant. */
export interface FeedFindings {
  hasSession: boolean;
  /** Something was received on this channel before. */
  wasSeen: boolean;
  /** What the ingest says, with what each piece is about where it says that too. */
  advice: readonly { kind: AdviceKind | undefined; text: string }[];
  segmentMs: number;
  bitrateBps: number;
  keyframeIntervalMs: number;
  height: number;
  hasAudio: boolean;
  samples: readonly FeedSample[];
  /** Of the pictures' own times; undefined before the first segment. */
  frameRate: number | undefined;
  /** Mean levels of the newest seconds that were looked at, oldest first. */
  levelsDb: readonly number[];
  /** In the last five minutes. */
  gaps: readonly { lengthMs: number; agoMs: number }[];
  reconnectCount: number;
  jumpCount: number;
}

/** Two seconds is what everybody recommends; more than this makes clips begin late, and delays all that follows. */
const keyframeIntervalMsGood = 2600;
/** A segment closes at a keyframe: this much later than it should, and detectors wait. */
const keyframeSlackMs = 500;
/** H.264 below these looks like blocks in fast play; for 30 fps, half as much again for 50 and 60. */
const bitrateBpsMinByHeight: readonly (readonly [height: number, bps: number])[] = [
  [1080, 2_500_000],
  [720, 1_200_000],
  [480, 500_000],
];
/** Beyond this a picture gains nothing, and a mobile uplink breaks. */
const bitrateBpsMax = 20_000_000;
const steadySeconds = 10;
const unsteadyShare = 0.1;
const frameRateMin = 23.5;
/** Below this nobody had switched the sound on (`analytics/moments/crowd-roars.ts` says the same). */
const silentDb = -75;
/** So loud on average over ten seconds, the peaks are cut off. */
const loudDb = -6;
const soundSeconds = 10;
const recentGapMs = 60_000;
const gapMsMin = 100;

/** What is wrong with a feed and how to mend it: errors first. B-frames are welcome, and nothing is said of them. */
export function feedIssues(findings: FeedFindings): FeedIssue[] {
  if (!findings.hasSession) {
    return [absent(findings), ...told(findings)];
  }
  return [...told(findings), ...picture(findings), ...sound(findings), ...network(findings)].toSorted(
    (one, other) => severities.indexOf(one.severity) - severities.indexOf(other.severity),
  );
}

const severities = ['error', 'warning', 'info'] as const;

function absent({ wasSeen }: FeedFindings): FeedIssue {
  return wasSeen
    ? issue(
        'noData',
        'error',
        'No connection',
        'The encoder is gone. Check its network, and start the stream again with the same address and key: it goes on where it was.',
      )
    : issue(
        'noData',
        'info',
        'Nothing received yet',
        'Put the address and the key into the encoder and start streaming. This page turns green by itself.',
      );
}

/** What the ingest has found out itself, in its own words. */
function told({ advice }: FeedFindings): FeedIssue[] {
  return advice.flatMap(({ kind, text }): FeedIssue[] => {
    const description = `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
    switch (kind) {
      case 'stalled':
        return [issue('stalled', 'error', 'No media arrives', description)];
      case 'no-picture':
        return [issue('noVideo', 'error', 'No picture', description)];
      case 'no-sound':
        return [issue('noAudioStream', 'warning', 'No sound', description)];
      // Said below, at two levels.
      case 'keyframes':
        return [];
      case 'rival':
        return [issue('other', 'warning', 'A second encoder', description)];
      case 'sound-clock':
        return [issue('other', 'info', 'Sound and picture moved together', description)];
      case 'store':
        return [
          issue(
            'other',
            'error',
            'The server cannot keep up',
            `${description} Nothing is wrong with the encoder.`,
          ),
        ];
      case 'session':
        return [issue('other', 'error', 'The feed cannot be used', description)];
      case undefined:
        return [issue('other', 'warning', 'The server says', description)];
      default:
        return kind satisfies never;
    }
  });
}

function picture(findings: FeedFindings): FeedIssue[] {
  const { keyframeIntervalMs, segmentMs, samples, frameRate, height } = findings;
  const issues: FeedIssue[] = [];
  if (keyframeIntervalMs > keyframeIntervalMsGood) {
    const isLong = keyframeIntervalMs > segmentMs + keyframeSlackMs;
    issues.push(
      issue(
        'gopSizeLong',
        isLong ? 'error' : 'warning',
        'Keyframes are too far apart',
        `One comes every ${seconds(keyframeIntervalMs)} s. Set the encoder's keyframe interval to 2 s; "automatic" is not enough.`,
      ),
    );
  }
  const recent = samples.slice(-steadySeconds);
  const isLongEnough = recent.length >= steadySeconds;
  const bitrateBps = meanOf(recent.map((sample) => sample.bitrateBps));
  const least = bitrateMin(height, frameRate ?? 30);
  if (isLongEnough && height > 0 && bitrateBps < least) {
    issues.push(
      issue(
        'videoBitrateLow',
        'warning',
        'The bitrate is low',
        `${mbit(bitrateBps)} Mbit/s for ${height} lines. Set at least ${mbit(least)} Mbit/s, or send a smaller picture.`,
      ),
    );
  }
  if (isLongEnough && bitrateBps > bitrateBpsMax) {
    issues.push(
      issue(
        'bitrateHigh',
        'warning',
        'The bitrate is high',
        `${mbit(bitrateBps)} Mbit/s gains nothing that can be seen and may break the connection. Set 8 to 12 Mbit/s.`,
      ),
    );
  }
  if (frameRate !== undefined && frameRate < frameRateMin) {
    issues.push(
      issue(
        'framerateLow',
        'warning',
        'Few frames per second',
        `${frameRate.toFixed(1)} a second: play looks jerky. Set 25, 30, 50 or 60.`,
      ),
    );
  }
  const odd =
    frameRate === undefined
      ? []
      : recent.filter((sample) => Math.abs(sample.framesPerSecond / frameRate - 1) > unsteadyShare);
  if (isLongEnough && odd.length > steadySeconds / 3 && frameRate !== undefined) {
    const rates = recent.map((sample) => sample.framesPerSecond);
    issues.push(
      issue(
        'framerateUnsteady',
        'warning',
        'Frames come unevenly',
        `Between ${Math.min(...rates).toFixed(0)} and ${Math.max(...rates).toFixed(0)} a second instead of ${frameRate.toFixed(0)}: the encoder or its network is overloaded. Lower the bitrate, or choose a faster preset.`,
      ),
    );
  }
  const droppedCount = (samples.at(-1)?.droppedFrameCount ?? 0) - (samples[0]?.droppedFrameCount ?? 0);
  if (droppedCount > 0) {
    issues.push(
      issue(
        'framesDropped',
        'error',
        'Frames were dropped',
        `${droppedCount} in the last minute, on the way into the store. Nothing is wrong with the encoder; the operator has to look.`,
      ),
    );
  }
  return issues;
}

function sound({ levelsDb, hasAudio }: FeedFindings): FeedIssue[] {
  const recent = levelsDb.slice(-soundSeconds);
  if (!hasAudio || recent.length < soundSeconds) return [];
  if (recent.every((db) => db <= silentDb)) {
    return [
      issue(
        'audioSilent',
        'warning',
        'The sound is silent',
        'There is a sound track with nothing to hear in it for ten seconds. Unmute the source, or choose another in the encoder: moments are found by what the crowd does.',
      ),
    ];
  }
  const meanDb = meanOf(recent);
  if (meanDb < loudDb) return [];
  return [
    issue(
      'audioTooLoud',
      'warning',
      'The sound is too loud',
      `It is at ${meanDb.toFixed(0)} dB on average: its peaks are cut off. Turn the source down by 12 dB.`,
    ),
  ];
}

function network({ gaps, reconnectCount, jumpCount }: FeedFindings): FeedIssue[] {
  const issues: FeedIssue[] = [];
  const holes = gaps.filter((gap) => gap.lengthMs > gapMsMin);
  if (holes.length > 0) {
    const lostMs = holes.reduce((sum, gap) => sum + gap.lengthMs, 0);
    const isRecent = holes.some((gap) => gap.agoMs <= recentGapMs);
    issues.push(
      issue(
        'networkGaps',
        isRecent ? 'error' : 'warning',
        'Media is missing',
        `${count(holes.length, 'gap')} with ${seconds(lostMs)} s in the last five minutes. Use a cable or a better network, or lower the bitrate.`,
      ),
    );
  }
  if (reconnectCount > 0) {
    issues.push(
      issue(
        'reconnects',
        'warning',
        'The connection broke',
        `${count(reconnectCount, 'time')} in the last five minutes; it went on by itself. Use a cable or a better network, or lower the bitrate.`,
      ),
    );
  }
  if (jumpCount > 0) {
    issues.push(
      issue(
        'clockJumps',
        'warning',
        'Time jumped',
        `The encoder's clock, or its settings, changed ${count(jumpCount, 'time')} in the last five minutes. Change no settings while streaming; restart the encoder if you did not.`,
      ),
    );
  }
  return issues;
}

function issue(
  type: FeedIssueType,
  severity: FeedIssue['severity'],
  reason: string,
  description: string,
): FeedIssue {
  return { type, severity, reason, description };
}

function bitrateMin(height: number, frameRate: number): number {
  const least = bitrateBpsMinByHeight.find(([lines]) => height >= lines)?.[1] ?? 250_000;
  return frameRate > 40 ? least * 1.5 : least;
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

function mbit(bps: number): string {
  return (bps / 1_000_000).toFixed(1);
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`;
}
