import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { ClipLink } from '../../../api/schemas/clip-link.ts';
import { ask } from '../../api.ts';
import { nowMs } from '../../browser.ts';
import { clipLinksMade, copyClipLink, weekMs } from '../../clip-link.ts';
import { useLoaded } from '../../load.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { dateOf } from '../../words.ts';

const dayMs = 86_400_000;
const spans = [
  { words: 'a day', ms: dayMs },
  { words: 'a week', ms: weekMs },
  { words: 'a month', ms: 30 * dayMs },
  { words: 'a year', ms: 365 * dayMs },
] as const;

/** Addresses that play this clip for people without an account: made, seen, taken back. */
export function LinksPanel({ clipId }: { clipId: string }) {
  const path = `/clips/${clipId}/links`;
  const links = useLoaded<{ links: ClipLink[] }>(path);
  const spanMs = useSignal<number>(weekMs);
  useEffect(() => links.again(), [clipLinksMade.value]);
  const open = (links.value.value?.links ?? []).filter(
    ({ revokedAtMs, expiresAtMs }) => revokedAtMs === null && expiresAtMs > nowMs(),
  );
  const revoke = (id: string): void => {
    ask(`${path}/${id}`, { method: 'DELETE' })
      .then(() => tell('The link opens nothing any more'), tellFault('Not revoked'))
      .finally(links.again);
  };
  return (
    <section class="editor-panel" aria-label="Links for anybody">
      <h3>Links for anybody</h3>
      <p class="link-maker">
        <label for="link-span">Plays without an account for</label>
        <select
          id="link-span"
          value={String(spanMs.value)}
          onChange={(event) => (spanMs.value = Number(event.currentTarget.value))}
        >
          {spans.map(({ words, ms }) => (
            <option key={ms} value={String(ms)}>
              {words}
            </option>
          ))}
        </select>
        <button
          type="button"
          aria-keyshortcuts="Y"
          title="Make a link and copy it (Y: for a week)"
          onClick={() => void copyClipLink(clipId, spanMs.value)}
        >
          Copy link
        </button>
      </p>
      {links.fault.value !== '' && <p class="problem">{links.fault.value}</p>}
      {open.length > 0 && (
        <ul class="links">
          {open.map(({ id, by, createdAtMs, expiresAtMs, lastUsedAtMs }) => (
            <li key={id}>
              <span>
                {by}, {dateOf(createdAtMs)}
                <span class="muted">
                  {' '}
                  until {dateOf(expiresAtMs)};{' '}
                  {lastUsedAtMs === null ? 'not opened yet' : `last opened ${dateOf(lastUsedAtMs)}`}
                </span>
              </span>
              <button
                type="button"
                class="danger"
                aria-label={`Revoke the link of ${by}, ${dateOf(createdAtMs)}`}
                onClick={() => revoke(id)}
              >
                Revoke
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
