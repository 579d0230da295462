import type { Happening } from './happenings.ts';
import { timeOfDay } from '../../words.ts';

/** Longer lists hold nothing that anybody reads here. */
const shownMax = 300;

export function EventsTab({
  happenings,
  onSeek,
}: {
  happenings: readonly Happening[];
  onSeek: (runMs: number) => void;
}) {
  return (
    <ol class="stream-events">
      {happenings.slice(0, shownMax).map(({ key, atMs, wallMs, text, tone }) => (
        <li key={key}>
          <button
            type="button"
            class="quiet"
            disabled={atMs === null}
            onClick={() => atMs !== null && onSeek(atMs)}
          >
            <span class="muted">{timeOfDay(wallMs)}</span>
            <span class={tone === 'plain' ? '' : tone}>{text}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}
