import { SseReader } from './sse-reader.ts';

/** What a page is told. `refresh`: load everything again, what happened in between is not known. */
export type LiveNews =
  | {
      what: 'event';
      kind: string;
      channelId: string | null;
      runId: string | null;
      subjectId: string | null;
      data: Record<string, unknown>;
    }
  | { what: 'refresh' }
  | { what: 'state'; state: LiveState };

export type LiveState = 'connecting' | 'live' | 'lost' | 'signed-out';

/** The server says something at least every 15 s: silence of three beats is a dead line, which a sleeping laptop leaves behind. */
const silenceMsMax = 45_000;
const retryMs = [500, 1_000, 2_000, 5_000, 10_000] as const;

/**
 * The one connection of this browser. It goes on where it was (`lastEventId`), so a line that broke loses nothing.
 * Runs until the page or the shared worker that holds it ends.
 */
export function runLiveConnection(tell: (news: LiveNews) => void): { again(): void } {
  let lastEventId: string | undefined;
  let failures = 0;
  let retrySoon: (() => void) | undefined;

  void (async () => {
    for (;;) {
      tell({ what: 'state', state: 'connecting' });
      const end = await readOnce();
      tell({ what: 'state', state: end });
      const waitMs = end === 'signed-out' ? 60_000 : (retryMs[Math.min(failures, retryMs.length - 1)] ?? 0);
      failures += 1;
      await new Promise<void>((resolve) => {
        retrySoon = resolve;
        setTimeout(resolve, waitMs);
      });
    }
  })();
  return {
    again: () => {
      failures = 0;
      retrySoon?.();
    },
  };

  async function readOnce(): Promise<'lost' | 'signed-out'> {
    const giveUp = new AbortController();
    let watchdog = setTimeout(() => giveUp.abort(), silenceMsMax);
    try {
      const query = lastEventId === undefined ? '' : `?lastEventId=${encodeURIComponent(lastEventId)}`;
      const response = await fetch(`/api/v1/events${query}`, {
        headers: { accept: 'text/event-stream' },
        signal: giveUp.signal,
        cache: 'no-store',
      });
      if (response.status === 401) return 'signed-out';
      if (!response.ok || !response.body) return 'lost';
      failures = 0;
      tell({ what: 'state', state: 'live' });
      const reader = new SseReader();
      const decoder = new TextDecoder();
      const bytes = response.body.getReader();
      for (;;) {
        const { done, value } = await bytes.read();
        if (done) return 'lost';
        clearTimeout(watchdog);
        watchdog = setTimeout(() => giveUp.abort(), silenceMsMax);
        for (const event of reader.push(decoder.decode(value, { stream: true }))) {
          lastEventId = event.id ?? lastEventId;
          if (event.kind === 'bye') return 'lost';
          if (event.kind === 'hello' || event.kind === 'refresh') tell({ what: 'refresh' });
          else if (event.data !== '') tell(newsOf(event.data));
        }
      }
    } catch {
      return 'lost';
    } finally {
      clearTimeout(watchdog);
      giveUp.abort();
    }
  }
}

function newsOf(text: string): LiveNews {
  const event = JSON.parse(text) as Record<string, unknown>;
  const word = (name: string): string | null => (typeof event[name] === 'string' ? event[name] : null);
  return {
    what: 'event',
    kind: word('kind') ?? '',
    channelId: word('channelId'),
    runId: word('runId'),
    subjectId: word('subjectId'),
    data: (event['data'] ?? {}) as Record<string, unknown>,
  };
}
