import { timeOfDay } from '../../words.ts';
import type { ClipState, Decision } from './editor-api.ts';
import type { EditorDesk } from './editor-desk.ts';

const decisions: readonly (readonly [decision: Decision, label: string, key: string])[] = [
  ['approved', 'Approve', 'A'],
  ['rejected', 'Reject', 'X'],
  ['undecided', 'Undecided', 'U'],
];

/** What clip this is, how it was decided, and what becomes of the work on it. */
export function EditorHeader(props: {
  desk: EditorDesk;
  state: ClipState;
  isReadOnly: boolean;
  onExport: () => void;
}) {
  const { desk, state, isReadOnly, onExport } = props;
  const isDirty = desk.isDirty.value;
  const isByHand = state.history.at(-1)?.what === 'made';
  return (
    <header class="editor-header">
      <h2>
        {state.label} {!isByHand && <span class="muted">{state.score.toFixed(2)}</span>}
      </h2>
      <a href={`/channels/${state.channelId}?run=${state.runId}&moment=${state.momentId}`}>
        {state.channelName}
      </a>
      <p class="decide" role="group" aria-label="Decision">
        {decisions.map(([decision, label, key]) => (
          <button
            key={decision}
            type="button"
            aria-pressed={state.decision === decision}
            disabled={isReadOnly}
            title={`${label} (${key})`}
            onClick={() => void desk.decide(decision)}
          >
            {label}
          </button>
        ))}
      </p>
      <p class="editor-work">
        <span class={isDirty ? 'warn' : 'muted'} role="status">
          {desk.isSaving.value
            ? 'Saving'
            : isDirty
              ? `Not saved${desk.isBehind.value ? `; ${state.newest?.by ?? 'somebody'} saved meanwhile` : ''}`
              : state.newest
                ? `${isByHand && state.version === 1 ? 'Made' : 'Saved'} ${timeOfDay(state.newest.atMs)} by ${state.newest.by}`
                : 'As it was found'}
        </span>
        <button
          type="button"
          class="quiet"
          aria-haspopup="dialog"
          aria-keyshortcuts="Shift+D"
          title="Export for an editing program (Shift+D)"
          onClick={onExport}
        >
          Export
        </button>
        {!isReadOnly && (
          <>
            <button
              type="button"
              class="quiet"
              disabled={!desk.canUndo.value}
              title="Undo (Ctrl+Z)"
              onClick={() => desk.undo()}
            >
              Undo
            </button>
            <button
              type="button"
              class="quiet"
              disabled={!desk.canRedo.value}
              title="Redo (Ctrl+Shift+Z)"
              onClick={() => desk.redo()}
            >
              Redo
            </button>
            {state.newest?.what === 'saved' && (
              <button
                type="button"
                onClick={() => {
                  if (
                    confirm(
                      'Go back to the cut that was found? It becomes a new revision; the history keeps yours.',
                    )
                  ) {
                    void desk.reset();
                  }
                }}
              >
                Reset
              </button>
            )}
            <button
              type="button"
              class="main"
              disabled={!isDirty || desk.isSaving.value}
              title="Save (Enter)"
              onClick={() => void desk.save()}
            >
              Save
            </button>
          </>
        )}
      </p>
    </header>
  );
}
