import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import { timeOfDay } from '../../words.ts';
import { HlsPlayer } from './hls-player.ts';

/** What the page does with the picture. */
export interface PictureHandle {
  seekWall: (wallMs: number) => void;
  seekBy: (seconds: number) => void;
  togglePlay: () => void;
  goLive: () => void;
  fill: () => void;
}

/** The picture of a run, with the clock that was on the wall when it was taken. */
export function LivePicture(props: {
  url: string;
  isLive: boolean;
  /** "12:30 in the run". */
  sayTime: (wallMs: number) => string;
  onTime: (wallMs: number | undefined) => void;
  onReady: (handle: PictureHandle) => void;
}) {
  const { url, isLive, sayTime } = props;
  const frame = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const player = useRef<HlsPlayer | undefined>(undefined);
  const made = useSignal<HlsPlayer | undefined>(undefined);
  const isPlaying = useSignal(false);
  const isMuted = useSignal(true);
  const handle = useMemo<PictureHandle>(
    () => ({
      seekWall: (wallMs) => player.current?.seekWall(wallMs),
      seekBy: (seconds) => player.current?.seekBy(seconds),
      goLive: () => player.current?.goLive(),
      fill: () =>
        void (document.fullscreenElement ? document.exitFullscreen() : frame.current?.requestFullscreen()),
      togglePlay: () => {
        const element = video.current;
        if (element?.paused) element.play().catch(() => {});
        else element?.pause();
      },
    }),
    [],
  );

  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    const opened = new HlsPlayer(element);
    player.current = opened;
    made.value = opened;
    opened.open(url).catch((error: unknown) => {
      opened.trouble.value = `The player could not be loaded: ${String(error)}`;
    });
    const stop = opened.wallMs.subscribe((wallMs) => props.onTime(wallMs));
    props.onReady(handle);
    return () => {
      stop();
      opened.close();
    };
  }, [url]);

  const look = () => {
    player.current?.look();
    isPlaying.value = video.current?.paused === false;
  };
  const wallMs = made.value?.wallMs.value;
  const trouble = made.value?.trouble.value ?? '';
  const isAtEdge = made.value?.isAtEdge.value ?? true;
  return (
    <div class="live-picture" ref={frame}>
      <video
        ref={video}
        muted={isMuted.value}
        autoplay
        playsInline
        aria-label="Picture of the run"
        onTimeUpdate={look}
        onSeeking={look}
        onPlay={look}
        onPause={look}
        onClick={handle.togglePlay}
      />
      {trouble !== '' && (
        <p class="live-trouble" role="alert">
          {trouble}
        </p>
      )}
      <div class="live-bar">
        <button type="button" class="quiet" onClick={handle.togglePlay}>
          {isPlaying.value ? 'Pause' : 'Play'}
        </button>
        <button type="button" class="quiet" title="5 seconds back" onClick={() => handle.seekBy(-5)}>
          −5 s
        </button>
        <button type="button" class="quiet" title="5 seconds on" onClick={() => handle.seekBy(5)}>
          +5 s
        </button>
        <button
          type="button"
          class="quiet"
          aria-pressed={!isMuted.value}
          onClick={() => (isMuted.value = !isMuted.value)}
        >
          Sound
        </button>
        <button type="button" class="quiet" onClick={handle.fill}>
          Full
        </button>
        <span class="live-clock">
          {wallMs !== undefined && (
            <>
              <b>{timeOfDay(wallMs)}</b> <span class="muted">{sayTime(wallMs)}</span>
            </>
          )}
        </span>
        {isLive && (
          <button type="button" class={isAtEdge ? 'live-edge on' : 'live-edge'} onClick={handle.goLive}>
            {isAtEdge ? 'Live' : 'Go live'}
          </button>
        )}
      </div>
    </div>
  );
}
