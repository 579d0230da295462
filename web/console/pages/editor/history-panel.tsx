import { timeOfDay } from '../../words.ts';
import type { ClipState } from './editor-api.ts';
import type { FrameClock } from './frame-clock.ts';
import { changeWords } from './history-words.ts';

/** Who saved what, newest first. */
export function HistoryPanel({ history, clock }: { history: ClipState['history']; clock: FrameClock }) {
  if (history.length === 0) return null;
  return (
    <details class="editor-panel">
      <summary>History ({history.length})</summary>
      <ol class="history">
        {history.map((entry, nth) => (
          <li key={entry.version}>
            <span class="muted">{timeOfDay(entry.atMs)}</span> {entry.by}:{' '}
            {changeWords(entry, history[nth + 1], clock)}
          </li>
        ))}
      </ol>
    </details>
  );
}
