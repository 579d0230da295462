import type { ReviewMoment } from '../../../api/schemas/review.ts';
import { clockOf } from '../../words.ts';
import { laneWords } from './queue.ts';

/** Why this is a moment: each signal with its share of the evidence. */
export function WhyPanel({ moment }: { moment: ReviewMoment }) {
  const { label, title, tags, score, lane, reasons, isByHand, peakMs, editVersion, decidedBy, decision } =
    moment;
  return (
    <section class="why" aria-labelledby="why-title">
      <h2 id="why-title">{title || label}</h2>
      <p class="muted">
        {isByHand ? 'Made by hand' : `${laneWords[lane]}, score ${score.toFixed(2)}`} · {clockOf(peakMs)} into
        the run
        {editVersion > 0 && ' · edited'}
      </p>
      {tags.length > 0 && (
        <ul class="tags" aria-label="Tags">
          {tags.map((tag) => (
            <li key={tag} class="pill">
              {tag}
            </li>
          ))}
        </ul>
      )}
      {decision !== 'undecided' && (
        <p class={decision === 'approved' ? 'good' : 'bad'}>
          {decision === 'approved' ? 'Approved' : 'Rejected'}
          {decidedBy !== null && ` by ${decidedBy}`}
        </p>
      )}
      <h3>Why</h3>
      <ul class="reasons">
        {reasons.map(({ signal, contribution, text, atMs }) => (
          <li key={`${signal}-${atMs}`}>
            <span>{text}</span>
            <span class="muted mono">{Math.round(contribution * 100)} %</span>
            <span class="reason-track" aria-hidden="true">
              <span class="reason-bar" style={{ width: `${contribution * 100}%` }} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
