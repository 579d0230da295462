import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';

import type { ReviewMoment } from '../../../api/schemas/review.ts';
import { clockOf, timeOfDay } from '../../words.ts';
import { laneWords, momentRowPx, rowsOf, topOf, visibleRows } from './queue.ts';
import type { ReviewStore } from './review-store.ts';

const noCounts = { must: 0, likely: 0, maybe: 0 };

/** The queue as a list. Of two thousand rows those in sight are in the page; what comes in above moves nothing that is seen. */
export function MomentList({ store }: { store: ReviewStore }) {
  const box = useRef<HTMLDivElement>(null);
  const view = useSignal({ topPx: 0, heightPx: 800 });
  const anchor = useRef<{ id: string; topPx: number } | undefined>(undefined);
  const counts = store.about.value?.counts ?? noCounts;
  const order = store.order.value;
  // Not at every step of the scrollbar.
  const rows = useMemo(() => rowsOf(order, counts), [order, counts]);
  const focusId = store.focusId.value;

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => (view.value = { topPx: element.scrollTop, heightPx: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, [view]);

  // What is looked at stays where it is on the screen, whatever came in or went above it.
  useLayoutEffect(() => {
    const element = box.current;
    const topPx = focusId === undefined ? undefined : topOf(rows, focusId);
    if (!element || focusId === undefined || topPx === undefined) {
      anchor.current = undefined;
      return;
    }
    if (anchor.current?.id === focusId) element.scrollTop += topPx - anchor.current.topPx;
    else {
      const hidden =
        topPx < element.scrollTop || topPx + momentRowPx > element.scrollTop + element.clientHeight;
      if (hidden) element.scrollTop = topPx - element.clientHeight / 2 + momentRowPx / 2;
    }
    anchor.current = { id: focusId, topPx };
  }, [rows, focusId]);

  const { from, to, offsetPx, totalPx } = visibleRows(rows, view.value.topPx, view.value.heightPx);
  return (
    <div
      ref={box}
      class="queue"
      role="listbox"
      tabIndex={0}
      aria-label="Moments to review"
      aria-multiselectable="true"
      aria-activedescendant={focusId}
    >
      <div class="queue-all" role="presentation" style={{ height: `${totalPx}px` }}>
        <div class="queue-seen" role="presentation" style={{ transform: `translateY(${offsetPx}px)` }}>
          {rows.slice(from, to).map((row) => {
            if (row.kind === 'lane') {
              return (
                <div key={row.lane} class={`lane lane-${row.lane}`} role="presentation">
                  {laneWords[row.lane]} <span class="muted">{row.count}</span>
                </div>
              );
            }
            const moment = store.moments.value.get(row.id);
            return moment && <MomentRow key={row.id} moment={moment} store={store} />;
          })}
        </div>
      </div>
    </div>
  );
}

function MomentRow({ moment, store }: { moment: ReviewMoment; store: ReviewStore }) {
  const { id, lane, label, title, score, isByHand, channelName, peakWallMs, durationMs, thumbnailUrl } =
    moment;
  // A row is drawn again when this changes for it, not whenever another is looked at.
  const isMarked = useComputed(() => store.marked.value.has(id)).value;
  const isFocused = useComputed(() => store.focusId.value === id).value;
  return (
    <div
      id={id}
      class={`row row-${lane} ${moment.decision}`}
      role="option"
      aria-selected={isMarked}
      aria-current={isFocused ? 'true' : undefined}
      onClick={(event) => {
        if (event.shiftKey) store.markTo(id);
        else if (event.ctrlKey || event.metaKey) store.toggleMark(id);
        else store.marked.value = new Set();
        store.focus(id);
      }}
    >
      {thumbnailUrl === null ? (
        <span class="no-picture muted">{moment.state === 'failed' ? 'failed' : 'cutting'}</span>
      ) : (
        <img src={thumbnailUrl} alt="" width={112} height={63} loading="lazy" decoding="async" />
      )}
      <span class="row-words">
        <b>{title || label}</b>
        <span class="muted">
          {channelName} · {timeOfDay(peakWallMs)}
        </span>
        <span class="muted">
          {isByHand ? 'by hand' : score.toFixed(2)}
          {durationMs !== null && ` · ${clockOf(durationMs)}`}
          {moment.claimedBy !== null && <span class="warn"> · {moment.claimedBy} is on it</span>}
        </span>
      </span>
    </div>
  );
}
