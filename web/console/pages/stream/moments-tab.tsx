import type { TimelineAnswer, TimelineMomentMark } from '../../../api/schemas/timeline.ts';
import { may } from '../../session.ts';
import { spanOf } from '../../words.ts';
import { byHand, toneOf } from './timeline-form.ts';

export function MomentsTab(props: {
  answer: TimelineAnswer;
  selectedId: string | undefined;
  sayRunTime: (runMs: number) => string;
  onSelect: (moment: TimelineMomentMark) => void;
  onDecide: (moment: TimelineMomentMark, decision: 'approved' | 'rejected' | 'undecided') => void;
}) {
  const { answer, selectedId, sayRunTime, onSelect, onDecide } = props;
  if (answer.moments.length === 0) {
    return (
      <p class="empty">
        {answer.isLive ? 'No moments yet. They appear by themselves.' : 'This run has no moments.'}
      </p>
    );
  }
  return (
    <ul class="stream-moments">
      {answer.moments
        .toSorted((a, b) => b.peakMs - a.peakMs)
        .map((moment) => (
          <li key={moment.id} class={moment.id === selectedId ? 'selected' : ''}>
            <button
              type="button"
              class="stream-moment"
              aria-current={moment.id === selectedId}
              onClick={() => onSelect(moment)}
            >
              <b>{moment.label}</b>
              <span>{sayRunTime(moment.peakMs)}</span>
              <span class="muted">
                {moment.label !== byHand && `${moment.score.toFixed(2)} · `}
                {spanOf(moment.outMs - moment.inMs)}
              </span>
              <span class={`tone tone-${toneOf(moment)}`}>{toneOf(moment)}</span>
            </button>
            {moment.id === selectedId && (
              <p class="stream-moment-actions">
                {may('review') && (
                  <>
                    <button type="button" onClick={() => onDecide(moment, 'approved')}>
                      Approve
                    </button>
                    <button type="button" onClick={() => onDecide(moment, 'rejected')}>
                      Reject
                    </button>
                    {moment.decision !== 'undecided' && (
                      <button type="button" onClick={() => onDecide(moment, 'undecided')}>
                        Undecided
                      </button>
                    )}
                  </>
                )}
                <a class="button" href={`/clips/${moment.clipId}`}>
                  {may('review') ? 'Edit' : 'Open'}
                </a>
              </p>
            )}
          </li>
        ))}
    </ul>
  );
}
