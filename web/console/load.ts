import { signal, type Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

import { ask, isNotFound, wordsOf } from './api.ts';

export interface Loaded<T> {
  value: Signal<T | undefined>;
  fault: Signal<string>;
  /** The server knows no such thing: asking again changes nothing. */
  isMissing: Signal<boolean>;
  /** Reads again; the old value stays until the new one is there. */
  again: () => void;
}

/** What `path` answers, read when the part appears, and again every `everyMs` while the page is seen. */
export function useLoaded<T>(path: string, everyMs?: number): Loaded<T> {
  const loaded = useMemo(() => {
    const value = signal<T | undefined>(undefined);
    const fault = signal('');
    const isMissing = signal(false);
    let latest = 0;
    const again = (): void => {
      latest += 1;
      const mine = latest;
      ask<T>(path).then(
        (answer) => {
          // A slow old answer must not replace a newer one.
          if (mine !== latest) return;
          value.value = answer;
          fault.value = '';
          isMissing.value = false;
        },
        (error: unknown) => {
          if (mine !== latest) return;
          isMissing.value = isNotFound(error);
          fault.value = wordsOf(error);
        },
      );
    };
    return { value, fault, isMissing, again };
  }, [path]);
  useEffect(() => {
    loaded.again();
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') loaded.again();
    }, everyMs);
    return () => clearInterval(timer);
  }, [loaded, everyMs]);
  return loaded;
}
