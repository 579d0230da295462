import { useRef } from 'preact/hooks';

/** One end of the clip, to be dragged or moved with the arrows: a frame, or a second with Shift. */
export function TrimHandle(props: {
  end: 'in' | 'out';
  xPx: number;
  /** False: beyond the part that is in view. */
  isShown: boolean;
  frame: number;
  frameCount: number;
  /** The time code of the frame that is seen at this end. */
  said: string;
  stepLarge: number;
  frameAtX: (clientX: number) => number;
  onTrim: (frame: number, isDone: boolean) => void;
}) {
  const { end, xPx, isShown, frame, frameCount, said, stepLarge, frameAtX, onTrim } = props;
  /** Where on the handle it was taken hold of: it must not jump under the hand. */
  const offPx = useRef<number | undefined>(undefined);
  const to = (event: PointerEvent, isDone: boolean) => {
    if (offPx.current === undefined) return;
    onTrim(frameAtX(event.clientX - offPx.current), isDone);
    if (isDone) offPx.current = undefined;
  };
  return (
    <button
      type="button"
      role="slider"
      class={`trim-handle trim-${end}`}
      style={{ left: `${xPx}px` }}
      hidden={!isShown}
      aria-label={end === 'in' ? 'In' : 'Out'}
      aria-valuemin={0}
      aria-valuemax={frameCount}
      aria-valuenow={frame}
      aria-valuetext={said}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const box = event.currentTarget.parentElement?.getBoundingClientRect();
        offPx.current = event.clientX - (box?.left ?? 0) - xPx;
      }}
      onPointerMove={(event) => to(event, false)}
      onPointerUp={(event) => to(event, true)}
      onPointerCancel={(event) => to(event, true)}
      onKeyDown={(event) => {
        const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
        if (by === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopPropagation();
        onTrim(frame + by * (event.shiftKey ? stepLarge : 1), true);
      }}
    />
  );
}
