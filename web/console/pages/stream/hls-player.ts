import { signal } from '@preact/signals';
import type Hls from 'hls.js';

import { type PlaylistPiece, videoTimeOf, wallAtVideoTime } from './run-clock.ts';

/** Three of the usual segments in hand. hls.js would take three of the longest: half a minute. */
const liveSyncS = 12;
/** This near to the newest picture counts as live: what is in hand, and a segment of 6 s that is still to come. */
const liveEdgeS = liveSyncS + 8;
/** Media that cannot be played again and again will not be by trying; a server that is away comes back. */
const mediaFaultsMax = 6;
const againMsMax = 8_000;

/**
 * One run in a `<video>`: live with everything before it, or whole when it has ended. hls.js is fetched when the first one
 * is opened; Safari plays the format itself.
 */
export class HlsPlayer {
  readonly #video: HTMLVideoElement;
  #hls: Hls | undefined;
  #pieces: PlaylistPiece[] = [];
  #faults = 0;
  #isClosed = false;
  /** A place that was asked for before the playlist was there. */
  #wantedWallMs: number | undefined;
  /** Wall clock of the picture that is shown. */
  readonly wallMs = signal<number | undefined>(undefined);
  readonly isAtEdge = signal(true);
  /** For a person; empty while all is well. */
  readonly trouble = signal('');

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  async open(url: string): Promise<void> {
    const { default: HlsLight } = await import('hls.js/light');
    if (this.#isClosed) return;
    if (!HlsLight.isSupported()) {
      this.#video.src = url;
      return;
    }
    // The policy of the page allows no worker made of a blob.
    const hls = new HlsLight({
      enableWorker: false,
      liveSyncDuration: liveSyncS,
      liveDurationInfinity: true,
      // Two hours at 8 Mbit/s would be 7 GB: what lies behind is fetched again.
      backBufferLength: 30,
      maxBufferLength: 20,
    });
    this.#hls = hls;
    const { Events, ErrorTypes } = HlsLight;
    hls.on(Events.LEVEL_UPDATED, (_event, { details }) => {
      this.#pieces = details.fragments.flatMap(({ start, duration, programDateTime }) =>
        programDateTime === null ? [] : [{ startS: start, durationS: duration, wallMs: programDateTime }],
      );
      this.#faults = 0;
      this.trouble.value = '';
      if (this.#wantedWallMs !== undefined) this.seekWall(this.#wantedWallMs);
    });
    hls.on(Events.ERROR, (_event, { fatal, type, details }) => {
      if (!fatal) return;
      this.#faults += 1;
      const isMedia = type === ErrorTypes.MEDIA_ERROR;
      if (isMedia && this.#faults > mediaFaultsMax) {
        this.trouble.value = `The picture cannot be shown (${details})`;
        return;
      }
      this.trouble.value = `The picture is interrupted (${details}), trying again`;
      setTimeout(
        () => {
          if (this.#isClosed) return;
          if (isMedia) hls.recoverMediaError();
          else if (this.#pieces.length === 0) hls.loadSource(url);
          else hls.startLoad();
        },
        Math.min(againMsMax, 500 * 2 ** this.#faults),
      );
    });
    hls.loadSource(url);
    hls.attachMedia(this.#video);
  }

  /** Called as the video plays and is moved. */
  look(): void {
    const { currentTime } = this.#video;
    this.wallMs.value = wallAtVideoTime(this.#pieces, currentTime);
    const end = this.#pieces.at(-1);
    this.isAtEdge.value = !end || end.startS + end.durationS - currentTime < liveEdgeS;
  }

  seekWall(wallMs: number): void {
    const to = videoTimeOf(this.#pieces, wallMs);
    this.#wantedWallMs = to === undefined ? wallMs : undefined;
    if (to !== undefined) this.#video.currentTime = to;
    this.look();
  }

  seekBy(seconds: number): void {
    this.#video.currentTime = Math.max(0, this.#video.currentTime + seconds);
    this.look();
  }

  goLive(): void {
    const edge = this.#hls?.liveSyncPosition ?? lastEndOf(this.#pieces);
    if (edge !== undefined) this.#video.currentTime = edge;
    this.#video.play().catch(() => {});
  }

  close(): void {
    this.#isClosed = true;
    this.#hls?.destroy();
    this.#video.removeAttribute('src');
  }
}

function lastEndOf(pieces: readonly PlaylistPiece[]): number | undefined {
  const end = pieces.at(-1);
  return end && Math.max(0, end.startS + end.durationS - 0.5);
}
