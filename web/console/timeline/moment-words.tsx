import { spanOf } from '../words.ts';
import type { TimelineData } from './timeline-data.ts';

/** The timeline in words, for whoever cannot see the drawing. */
export function MomentWords({ data, labelOf }: { data: TimelineData; labelOf: (atMs: number) => string }) {
  return (
    <div class="visually-hidden">
      <p>
        From {labelOf(data.fromMs)} to {labelOf(data.toMs)}
        {data.isLive ? ', live' : ''}. {data.moments.length} moments, {data.gaps.length} gaps.
      </p>
      <ul>
        {data.moments.map((moment) => (
          <li key={moment.id}>
            {moment.label} at {labelOf(moment.peakMs)}, {spanOf(moment.outMs - moment.inMs)}, {moment.tone}
            {moment.isByHand ? ', made by hand' : `, score ${moment.score.toFixed(2)}`}
          </li>
        ))}
        {data.gaps.map(({ fromMs, why }) => (
          <li key={fromMs}>
            {why} at {labelOf(fromMs)}
          </li>
        ))}
      </ul>
    </div>
  );
}
