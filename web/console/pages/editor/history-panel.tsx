import { timeOfDay } from '../../words.ts';
import type { ClipState } from './editor-api.ts';
import type { FrameClock } from './frame-clock.ts';
import { changeWords } from './history-words.ts';

/** Who saved what, newest first. */
export function HistoryPanel({ state, clock }: { state: ClipState; clock: FrameClock }) {
  const { history, model } = state;
  if (history.length === 0) return null;
  // What the first one changed is what the model had.
  const untouched = { ...model, cropVertical: 0.5, cropSquare: 0.5, title: '', tags: [] };
  return (
    <details class="editor-panel">
      <summary>History ({history.length})</summary>
      <ol class="history">
        {history.map((entry, nth) => (
          <li key={entry.version}>
            <span class="muted">{timeOfDay(entry.atMs)}</span> {entry.by}:{' '}
            {changeWords(entry, history[nth + 1] ?? untouched, clock)}
          </li>
        ))}
      </ol>
    </details>
  );
}
