import { signal } from '@preact/signals';

import { isSignedOut } from '../api.ts';
import { runLiveConnection, type LiveNews, type LiveState } from './live-connection.ts';

export type LiveEvent = Extract<LiveNews, { what: 'event' }>;

/** For the dot in the corner. */
export const liveState = signal<LiveState>('connecting');

type Listener = { onEvent(event: LiveEvent): void; onRefresh(): void };
const listeners = new Set<Listener>();
let askAgain: (() => void) | undefined;

/** Begins to listen; called once, when somebody is signed in. */
export function startLiveEvents(): void {
  if (askAgain) {
    askAgain();
    return;
  }
  if (typeof SharedWorker === 'undefined') {
    const connection = runLiveConnection(hear);
    askAgain = () => connection.again();
    return;
  }
  const worker = new SharedWorker(new URL('./live-worker.ts', import.meta.url), {
    type: 'module',
    name: 'touchline-live',
  });
  worker.port.addEventListener('message', ({ data }: MessageEvent) => hear(data as LiveNews));
  worker.port.start();
  addEventListener('pagehide', () => worker.port.postMessage('bye'));
  // From the browser's back-forward cache: the worker has forgotten this tab.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload();
  });
  askAgain = () => worker.port.postMessage('again');
}

/** What happens, until the returned function is called. `onRefresh` comes first where something may have been missed. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function hear(news: LiveNews): void {
  switch (news.what) {
    case 'state':
      liveState.value = news.state;
      if (news.state === 'signed-out') isSignedOut.value = true;
      return;
    case 'refresh':
      for (const listener of listeners) listener.onRefresh();
      return;
    case 'event':
      for (const listener of listeners) listener.onEvent(news);
  }
}
