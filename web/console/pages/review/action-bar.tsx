import type { ReviewMoment } from '../../../api/schemas/review.ts';
import type { Aspect } from './clip-player.tsx';

const aspects: readonly Aspect[] = ['16:9', '9:16', '1:1'];

/** What one does with the clip that is looked at; each button has its key in its name. */
export function ActionBar(props: {
  moment: ReviewMoment;
  markedCount: number;
  mayReview: boolean;
  aspect: Aspect;
  onDecide: (decision: ReviewMoment['decision']) => void;
  onAspect: (aspect: Aspect) => void;
  onCopy: () => void;
  onExport: () => void;
}) {
  const { moment, markedCount, mayReview, aspect, onDecide, onAspect, onCopy, onExport } = props;
  const many = markedCount > 1 ? ` ${markedCount}` : '';
  return (
    <div class="action-bar" role="toolbar" aria-label="What to do with it">
      {mayReview && (
        <>
          <button type="button" class="danger" aria-keyshortcuts="X" onClick={() => onDecide('rejected')}>
            Reject{many} <kbd>X</kbd>
          </button>
          <button type="button" aria-keyshortcuts="U" onClick={() => onDecide('undecided')}>
            Undecided <kbd>U</kbd>
          </button>
          <a class="button" href={`/clips/${moment.clipId}`} aria-keyshortcuts="E">
            Edit <kbd>E</kbd>
          </a>
          <button type="button" class="main" aria-keyshortcuts="A" onClick={() => onDecide('approved')}>
            Approve{many} <kbd>A</kbd>
          </button>
        </>
      )}
      <span class="spring" />
      <span class="aspects" role="group" aria-label="Shape of the picture">
        {aspects.map((one) => (
          <button key={one} type="button" aria-pressed={one === aspect} onClick={() => onAspect(one)}>
            {one}
          </button>
        ))}
      </span>
      {moment.videoUrl !== null && (
        <>
          <a class="button" href={`${moment.videoUrl}?download`} download>
            Download <kbd>D</kbd>
          </a>
          {mayReview && (
            <button
              type="button"
              aria-keyshortcuts="Y"
              title="An address that plays this clip for anybody, for a week"
              onClick={onCopy}
            >
              Copy link <kbd>Y</kbd>
            </button>
          )}
          <button type="button" aria-haspopup="dialog" aria-keyshortcuts="Shift+D" onClick={onExport}>
            Export{many}
          </button>
          <a class="button" href={`/operations/clips/${moment.clipId}`}>
            Where the time went
          </a>
        </>
      )}
    </div>
  );
}
