import { signal, useSignal, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import type { ReviewMoment } from '../../../api/schemas/review.ts';
import { cutAgain } from '../../cut-again.ts';
import { may } from '../../session.ts';
import { clockOf } from '../../words.ts';
import { FileTransport } from '../editor/file-transport.ts';

export type Aspect = '16:9' | '9:16' | '1:1';

/** What is heard: browsers start silent until somebody has touched the page; the choice is kept. */
const mutedKey = 'touchline.muted';
const isMuted = signal(localStorage.getItem(mutedKey) !== 'no');

/** Behind the frame that answers a key, and long before the next key. */
const settleMs = 60;

/**
 * Plays the clip that is looked at, on a loop, and has the next ones ready: each file has an element of its own, and the right one
 * is shown. When a better revision comes, it goes on at the same picture.
 */
export function ClipPlayer(props: {
  moment: ReviewMoment;
  upcoming: readonly ReviewMoment[];
  aspect: Aspect;
  transport: Signal<FileTransport | undefined>;
}) {
  const { moment, upcoming, aspect, transport } = props;
  const shown = useRef<{ id: string; url: string; startWallMs: number; video: HTMLVideoElement } | undefined>(
    undefined,
  );
  const files = useRef(new Map<string, HTMLVideoElement>());
  const place = useSignal({ atMs: 0, bufferedMs: 0 });
  const ready = useSignal<readonly string[]>([]);
  const url = moment.videoUrl;

  useEffect(() => {
    const video = url === null ? undefined : files.current.get(url);
    if (!video || url === null) return undefined;
    const before = shown.current;
    const startWallMs = moment.startWallMs ?? 0;
    const rate = moment.frameRate ?? { num: 25, den: 1 };
    const frameCount = Math.max(1, Math.round(((moment.durationMs ?? 0) * rate.num) / (1000 * rate.den)));
    const isSame = before?.id === moment.id;
    let atS = 0;
    if (before && isSame)
      atS = Math.max(0, before.video.currentTime + (before.startWallMs - startWallMs) / 1000);
    const wasPaused = isSame && (before?.video.paused ?? false);
    if (before && before.video !== video) before.video.pause();
    shown.current = { id: moment.id, url, startWallMs, video };
    video.currentTime = atS;
    const moves = new FileTransport(video, { startMs: 0, rate, frameCount, gaps: [] });
    transport.value = moves;
    if (!wasPaused) moves.play(1);
    const note = (): void => {
      const { buffered, currentTime, duration } = video;
      const last = buffered.length > 0 ? buffered.end(buffered.length - 1) : 0;
      place.value = {
        atMs: currentTime * 1000,
        bufferedMs: Number.isFinite(duration) ? (last / duration) * 100 : 0,
      };
    };
    video.addEventListener('timeupdate', note);
    video.addEventListener('progress', note);
    note();
    return () => {
      video.removeEventListener('timeupdate', note);
      video.removeEventListener('progress', note);
      moves.dispose();
      transport.value = undefined;
    };
  }, [url, moment.id, transport, place]);

  const wanted = [moment, ...upcoming].flatMap((one) => one.videoUrl ?? []);
  const wantedText = wanted.join(' ');
  useEffect(() => {
    // Making an element and taking one away each cost more than a frame: the answer to the key is painted first.
    const timer = setTimeout(() => (ready.value = wantedText.split(' ').filter(Boolean)), settleMs);
    return () => clearTimeout(timer);
  }, [wantedText, ready]);
  // In an order that does not depend on which is shown: a video that is moved in the page stops.
  const drawn = [...new Set([...ready.value, ...wanted.slice(0, url === null ? 0 : 1)])].toSorted();
  const durationMs = moment.durationMs ?? 0;
  return (
    <div class="player">
      <div class={`screen screen-${aspect.replace(':', 'x')}`}>
        {drawn.map((one) => (
          <video
            key={one}
            ref={(element) => {
              if (element) files.current.set(one, element);
              else files.current.delete(one);
            }}
            class={one === url ? 'active' : ''}
            src={one}
            preload="auto"
            loop
            playsInline
            muted={isMuted.value}
            aria-hidden={one !== url}
            tabIndex={-1}
            onClick={() => transport.value?.togglePlay()}
          />
        ))}
        {url === null && (
          <p class="muted no-clip">
            {moment.state === 'failed'
              ? `The clip could not be cut: ${moment.stateReason ?? 'unknown'}`
              : 'The clip is being cut'}
            {moment.state === 'failed' && may('review') && (
              <button type="button" onClick={() => void cutAgain(moment.clipId)}>
                Cut again
              </button>
            )}
          </p>
        )}
      </div>
      <div class="place">
        <span class="mono">
          {clockOf(place.value.atMs)} / {clockOf(durationMs)}
        </span>
        <progress
          value={durationMs === 0 ? 0 : place.value.atMs / durationMs}
          max={1}
          aria-label="Where the clip is"
        />
        <span class="mono muted">frame {transport.value?.frame.value ?? 0}</span>
        <button
          type="button"
          class="quiet"
          aria-pressed={!isMuted.value}
          onClick={() => {
            isMuted.value = !isMuted.value;
            localStorage.setItem(mutedKey, isMuted.value ? 'yes' : 'no');
          }}
        >
          {isMuted.value ? 'Sound off' : 'Sound on'}
        </button>
      </div>
    </div>
  );
}
