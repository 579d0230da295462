import { signal } from '@preact/signals';

import type { ClipLinkMade } from '../api/schemas/clip-link.ts';
import { ask, wordsOf } from './api.ts';
import { copyLater, copyText } from './form.tsx';
import { may } from './session.ts';
import { tell, tellFault } from './toasts.tsx';
import { dateOf } from './words.ts';

/** Rises with each link that is made here, for lists of them. */
export const clipLinksMade = signal(0);

export const weekMs = 7 * 86_400_000;

/** Makes an address that plays the clip for people without an account, and copies it. */
export async function copyClipLink(clipId: string, expiresInMs = weekMs): Promise<void> {
  if (!may('review')) return tell('Your role may look, not send clips out', undefined, 'bad');
  const making = ask<ClipLinkMade>(`/clips/${clipId}/links`, { method: 'POST', body: { expiresInMs } });
  const addressed = making.then(({ path }) => new URL(path, location.href).href);
  const isCopied = copyLater(addressed).then(
    () => true,
    () => false,
  );
  try {
    const { link } = await making;
    clipLinksMade.value += 1;
    const address = await addressed;
    if (await isCopied) {
      return tell(`Copied: plays for anybody who has it, until ${dateOf(link.expiresAtMs)}`);
    }
    // It is shown this once, so it must not be lost to a browser that does not copy by itself.
    return tell(address, { label: 'Copy', act: () => void copyText(address).catch(tellFault('Not copied')) });
  } catch (error) {
    return tell(`No link: ${wordsOf(error)}`, undefined, 'bad');
  }
}
