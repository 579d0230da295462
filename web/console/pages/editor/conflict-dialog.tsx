import { useModal } from '../../use-modal.ts';
import { timeOfDay } from '../../words.ts';
import type { Conflict } from './editor-desk.ts';
import type { Draft } from './editor-api.ts';
import { type FrameClock, frameLabel } from './frame-clock.ts';

const fieldWords: Record<keyof Draft, string> = {
  inFrame: 'In',
  outFrame: 'Out',
  crop: 'Crop',
  title: 'Title',
  tags: 'Tags',
};

/** Two saved at once: what the other one has, beside mine. Nothing is written before one of the buttons is pressed. */
export function ConflictDialog(props: {
  conflict: Conflict;
  mine: Draft;
  clock: FrameClock;
  onTheirs: () => void;
  onMine: () => void;
  onLater: () => void;
}) {
  const { conflict, mine, clock, onTheirs, onMine, onLater } = props;
  const dialog = useModal('Two saved at once');
  const { theirs, merge } = conflict;
  const differing = (Object.keys(fieldWords) as (keyof Draft)[]).filter(
    (field) =>
      merge.theirs.includes(field) || JSON.stringify(mine[field]) !== JSON.stringify(theirs.draft[field]),
  );
  return (
    <dialog ref={dialog} class="conflict" aria-labelledby="conflict-title" onCancel={onLater}>
      <h2 id="conflict-title">{theirs.newest?.by ?? 'Somebody else'} saved this clip meanwhile</h2>
      <p class="muted">
        {theirs.newest && <>At {timeOfDay(theirs.newest.atMs)}. </>}
        Yours is not saved yet, and nothing of theirs is lost.
      </p>
      <table>
        <thead>
          <tr>
            <th> </th>
            <th>Theirs</th>
            <th>Yours</th>
          </tr>
        </thead>
        <tbody>
          {differing.map((field) => (
            <tr key={field}>
              <th>{fieldWords[field]}</th>
              <td>{said(theirs.draft, field, clock)}</td>
              <td class={merge.disputed.includes(field) ? 'warn' : ''}>{said(mine, field, clock)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="muted">
        Putting yours on top keeps what they changed and you did not
        {merge.disputed.length > 0
          ? `; of ${merge.disputed.map((field) => fieldWords[field]).join(', ')} it takes yours`
          : ''}
        .
      </p>
      <p class="actions">
        <button type="button" onClick={onTheirs}>
          Take theirs
        </button>
        <button type="button" class="main" onClick={onMine}>
          Put mine on top
        </button>
        <button type="button" class="quiet" onClick={onLater}>
          Not now
        </button>
      </p>
    </dialog>
  );
}

function said(draft: Draft, field: keyof Draft, clock: FrameClock): string {
  switch (field) {
    case 'inFrame':
      return frameLabel(clock, draft.inFrame);
    case 'outFrame':
      return frameLabel(clock, draft.outFrame);
    case 'crop':
      return Object.entries(draft.crop)
        .map(([aspect, x]) => `${aspect} at ${Math.round(x * 100)} %`)
        .join(', ');
    case 'title':
      return draft.title === '' ? 'none' : draft.title;
    case 'tags':
      return draft.tags.length === 0 ? 'none' : draft.tags.join(', ');
  }
}
