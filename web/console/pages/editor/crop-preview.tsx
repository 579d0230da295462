import { useEffect, useRef } from 'preact/hooks';

import { type Aspect, aspects, cropWindow } from './crop-window.ts';

/** Drawn this large; the page shows it smaller. */
const longSidePx = 320;

/** What a version shows, drawn from the video that plays: each frame as it comes. */
export function CropPreview(props: {
  video: HTMLVideoElement | undefined;
  aspect: Aspect;
  x: number;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const { video, aspect, isChosen, onChoose } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const x = useRef(props.x);
  x.current = props.x;
  const shape = aspects[aspect];
  const widthPx = Math.round(shape >= 1 ? longSidePx : longSidePx * shape);
  const heightPx = Math.round(shape >= 1 ? longSidePx / shape : longSidePx);

  const draw = () => {
    const pen = canvas.current?.getContext('2d');
    if (!pen || !video || video.videoWidth === 0) return;
    const picture = { widthPx: video.videoWidth, heightPx: video.videoHeight };
    const { leftPx, topPx, widthPx: cutPx, heightPx: tallPx } = cropWindow(picture, aspect, x.current);
    pen.drawImage(video, leftPx, topPx, cutPx, tallPx, 0, 0, widthPx, heightPx);
  };
  useEffect(() => {
    if (!video) return undefined;
    let handle = 0;
    const next = () => {
      draw();
      handle = video.requestVideoFrameCallback(next);
    };
    next();
    video.addEventListener('seeked', draw);
    return () => {
      video.cancelVideoFrameCallback(handle);
      video.removeEventListener('seeked', draw);
    };
  }, [video, aspect]);
  useEffect(draw, [props.x]);
  return (
    <button type="button" class="crop-preview" aria-pressed={isChosen} onClick={onChoose}>
      <canvas ref={canvas} width={widthPx} height={heightPx} aria-hidden="true" />
      {aspect}
    </button>
  );
}
