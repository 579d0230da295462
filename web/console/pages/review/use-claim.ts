import { useEffect } from 'preact/hooks';

import { ask } from '../../api.ts';
import { may } from '../../session.ts';

/** Whoever flicks through the list looks at nothing. */
const settledMs = 500;
/** The server lets go after 30 s. */
const renewMs = 10_000;

/** Says that this editor looks at a moment, for as long as they do. It keeps nobody from anything, so a fault is no matter. */
export function useClaim(momentId: string | undefined): void {
  useEffect(() => {
    if (momentId === undefined || !may('review')) return undefined;
    const path = `/moments/${momentId}/claim`;
    let isTaken = false;
    const take = (): void => {
      if (document.visibilityState !== 'visible') return;
      isTaken = true;
      ask(path, { method: 'PUT' }).catch(() => undefined);
    };
    let renewing: ReturnType<typeof setInterval> | undefined;
    const settling = setTimeout(() => {
      take();
      renewing = setInterval(take, renewMs);
    }, settledMs);
    return () => {
      clearTimeout(settling);
      clearInterval(renewing);
      if (isTaken) ask(path, { method: 'DELETE' }).catch(() => undefined);
    };
  }, [momentId]);
}
