import { useEffect, useRef } from 'preact/hooks';

import { type FrameClock, videoTimeOfFrame } from './frame-clock.ts';

/** One frame of the file as a still: a paused video that is moved. While one seek runs, only the newest wish is kept. */
export function FrameStill(props: {
  url: string;
  clock: FrameClock;
  frame: number;
  label: string;
  said: string;
  onGo: () => void;
}) {
  const { url, clock, frame, label, said, onGo } = props;
  const video = useRef<HTMLVideoElement>(null);
  const wanted = useRef(0);
  wanted.current = videoTimeOfFrame(clock, Math.max(0, Math.min(clock.frameCount - 1, frame)));
  const seek = () => {
    const element = video.current;
    if (!element || element.seeking || element.readyState === 0) return;
    if (Math.abs(element.currentTime - wanted.current) > 1e-4) element.currentTime = wanted.current;
  };
  useEffect(seek, [wanted.current]);
  return (
    <figure class="frame-still">
      <button type="button" onClick={onGo} aria-label={`Go to ${label}, ${said}`}>
        <video
          ref={video}
          src={url}
          muted
          playsInline
          preload="auto"
          tabIndex={-1}
          onLoadedMetadata={seek}
          onSeeked={seek}
        />
      </button>
      <figcaption>
        <b>{label}</b> <span class="mono">{said}</span>
      </figcaption>
    </figure>
  );
}
