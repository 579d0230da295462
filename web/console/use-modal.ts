import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { bindKeys } from './keys.ts';

/**
 * For a `<dialog>` that is there as long as it is open. The keys of the page are deaf meanwhile. The focus goes back to where it
 * was, also where a button took the dialog away: the browser does that for Escape alone.
 */
export function useModal(name: string): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    const before = document.activeElement;
    shown?.showModal();
    const unbind = bindKeys(name, [], true);
    return () => {
      unbind();
      shown?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, [name]);
  return dialog;
}
