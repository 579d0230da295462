import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { type Aspect, clamped, cropWindow, draggedX, rounded } from './crop-window.ts';

/** The window of an upright or square version over the picture: dragged, or moved with the arrows. */
export function CropFrame(props: {
  aspect: Aspect;
  x: number;
  picture: { widthPx: number; heightPx: number };
  isReadOnly: boolean;
  onX: (x: number, isDone: boolean) => void;
}) {
  const { aspect, x, picture, isReadOnly, onX } = props;
  const box = useRef<HTMLDivElement>(null);
  const size = useSignal({ widthPx: 0, heightPx: 0 });
  const hold = useRef<{ clientX: number; x: number } | undefined>(undefined);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const sizes = new ResizeObserver(() => {
      size.value = shownSize(element, picture);
    });
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [picture.widthPx, picture.heightPx]);

  if (aspect === '16:9') return <div ref={box} class="crop-box" hidden />;
  const shown = size.value;
  const window = cropWindow(shown, aspect, x);
  const drag = (event: PointerEvent, isDone: boolean) => {
    const from = hold.current;
    if (!from) return;
    onX(draggedX(shown, aspect, from.x, event.clientX - from.clientX), isDone);
    if (isDone) hold.current = undefined;
  };
  const left = ((box.current?.clientWidth ?? 0) - shown.widthPx) / 2 + window.leftPx;
  return (
    <div ref={box} class="crop-box">
      <button
        type="button"
        role="slider"
        class="crop-window"
        disabled={isReadOnly}
        aria-label={`What the ${aspect} version shows`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(x * 100)}
        aria-valuetext={`${Math.round(x * 100)} % from the left`}
        style={{
          left: `${left}px`,
          top: `${((box.current?.clientHeight ?? 0) - shown.heightPx) / 2 + window.topPx}px`,
          width: `${window.widthPx}px`,
          height: `${window.heightPx}px`,
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          hold.current = { clientX: event.clientX, x };
        }}
        onPointerMove={(event) => drag(event, false)}
        onPointerUp={(event) => drag(event, true)}
        onPointerCancel={(event) => drag(event, true)}
        onKeyDown={(event) => {
          const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
          if (by === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
          event.preventDefault();
          event.stopPropagation();
          onX(rounded(clamped(x + by * (event.shiftKey ? 0.1 : 0.01))), true);
        }}
      />
    </div>
  );
}

/** As `object-fit: contain` shows the picture in its box. */
function shownSize(
  { clientWidth, clientHeight }: Element,
  picture: { widthPx: number; heightPx: number },
): { widthPx: number; heightPx: number } {
  const scale = Math.min(clientWidth / picture.widthPx, clientHeight / picture.heightPx);
  return { widthPx: picture.widthPx * scale, heightPx: picture.heightPx * scale };
}
