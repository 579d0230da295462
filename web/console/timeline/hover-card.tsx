import { valueAt } from './curve.ts';
import type { TimelineData, TimelineMoment } from './timeline-data.ts';

export interface Hover {
  xPx: number;
  atMs: number;
  moment: TimelineMoment | undefined;
}

const cardPx = 232;

/** What lies under the pointer: picture, time, and how much each signal has in the excitement. */
export function HoverCard(props: {
  hover: Hover;
  widthPx: number;
  data: TimelineData;
  stillUrl: string | undefined;
  labelOf: (atMs: number) => string;
}) {
  const { hover, widthPx, data, stillUrl, labelOf } = props;
  const left = Math.max(0, Math.min(widthPx - cardPx, hover.xPx - cardPx / 2));
  const excitement = valueAt(data.curve, hover.atMs);
  const gap = data.gaps.find(({ fromMs, toMs }) => fromMs <= hover.atMs && hover.atMs < toMs);
  return (
    <div class="timeline-card" style={{ left: `${left}px`, width: `${cardPx}px` }} aria-hidden="true">
      {stillUrl !== undefined && !gap && <img src={stillUrl} alt="" width={cardPx - 16} />}
      <p>
        <b>{labelOf(hover.atMs)}</b>
        {excitement !== undefined && <span>excitement {excitement.toFixed(2)}</span>}
      </p>
      {hover.moment && (
        <p>
          <b>{hover.moment.label}</b>
          <span>
            {hover.moment.tone} {hover.moment.isByHand ? 'by hand' : hover.moment.score.toFixed(2)}
          </span>
        </p>
      )}
      {gap && <p class="warn">{gap.why}</p>}
      {data.signals.map((signal) => {
        const value = valueAt(signal, hover.atMs);
        return value === undefined ? null : (
          <p key={signal.label}>
            <span>{signal.label}</span> <span>{signal.say(value)}</span>
          </p>
        );
      })}
    </div>
  );
}
