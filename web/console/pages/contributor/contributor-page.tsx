import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type {
  ContributorPage as View,
  ContributorState,
  FeedIssue,
} from '../../../api/schemas/contributor.ts';
import { ApiError, ask, wordsOf } from '../../api.ts';
import { IngestLines } from './ingest-lines.tsx';
import { Sparkline } from '../../sparkline.tsx';
import './contributor.css';

/** Often enough that green follows the first frame within two breaths. */
const everyMs = 2_000;

/** What somebody with a share link sees of one channel: is my feed right, and if not, what do I change. No account, a phone first. */
export function ContributorPage({ secret }: { secret: string }) {
  const view = useSignal<View | undefined>(undefined);
  const fault = useSignal('');
  const isOver = useSignal(false);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isGone = false;
    const read = async (): Promise<void> => {
      try {
        if (document.visibilityState === 'visible') {
          view.value = await ask<View>(`/share/${encodeURIComponent(secret)}`);
          fault.value = '';
        }
      } catch (error) {
        // Revoked, run out or mistyped: asking again changes nothing.
        isOver.value = error instanceof ApiError && error.status === 404;
        fault.value = wordsOf(error);
      }
      if (!isGone && !isOver.value) timer = setTimeout(() => void read(), everyMs);
    };
    void read();
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [secret, view, fault, isOver]);

  if (isOver.value) {
    return (
      <main class="contributor">
        <h1>This link does not work</h1>
        <p>It has run out or was taken back. Ask whoever sent it for a new one.</p>
      </main>
    );
  }
  if (!view.value) return <p class="loading">{fault.value || 'Loading'}</p>;
  const { channel, state, headline, issues, still, feed, ingest, endpoints } = view.value;
  document.title = `${words[state]}: ${channel}`;
  return (
    <main class="contributor">
      <header>
        <h1>{channel}</h1>
        {fault.value !== '' && (
          <p class="warn" role="status">
            {fault.value}; trying again. What follows may be old.
          </p>
        )}
      </header>
      <section class={`state state-${state}`} aria-label="State of the feed">
        <p class="word" role="status" aria-live="polite">
          {words[state]}
        </p>
        <p>{headline}</p>
      </section>
      {issues.length > 0 && <Issues issues={issues} />}
      {still && <img class="still" src={still.url} alt="The newest picture that arrived" />}
      {feed && <Figures view={view.value} />}
      {ingest && <IngestLines ingest={ingest} />}
      {!ingest && endpoints.length > 0 && (
        <section class="card" aria-label="Where the feed goes">
          {endpoints.map(({ label, url }) => (
            <p key={url}>
              {label} <code>{url}</code>
            </p>
          ))}
        </section>
      )}
    </main>
  );
}

const words: Record<ContributorState, string> = {
  waiting: 'Waiting for the first frame',
  live: 'Live, all good',
  trouble: 'Live, with a problem',
  offline: 'Offline',
  stopped: 'The channel is stopped',
};

function Issues({ issues }: { issues: readonly FeedIssue[] }) {
  return (
    <section aria-label="What to mend">
      <ul class="issues">
        {issues.map(({ type, severity, reason, description }) => (
          <li key={type} class={`card issue-${severity}`}>
            <h2>{reason}</h2>
            <p>{description}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Figures({ view }: { view: View }) {
  const { feed, history, state } = view;
  if (!feed) return null;
  const figures = [
    { label: 'Bitrate', value: `${(feed.bitrateBps / 1e6).toFixed(1)} Mbit/s`, series: history.bitrateBps },
    { label: 'Frames a second', value: trim(feed.framesPerSecond), series: history.framesPerSecond },
    {
      label: 'Keyframe every',
      value: `${(feed.keyframeIntervalMs / 1000).toFixed(1)} s`,
      series: history.keyframeIntervalMs,
    },
    {
      label: 'Sound',
      value: soundOf(feed),
      series: history.audioDb,
    },
  ];
  return (
    <section aria-label="Figures of the feed">
      <p class="muted">
        {feed.width}×{feed.height}
        {state === 'offline' && ', as it was when it was last seen'}
      </p>
      <dl class="figures">
        {figures.map(({ label, value, series }) => (
          <div key={label} class="card">
            <dt>{label}</dt>
            <dd>{value}</dd>
            <dd>
              <Sparkline values={series} label={`${label}, the last minute`} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function soundOf({ hasAudio, audioDb }: NonNullable<View['feed']>): string {
  if (!hasAudio) return 'none';
  return audioDb === null ? 'there' : `${Math.round(audioDb)} dB`;
}

function trim(value: number): string {
  return String(Math.round(value * 100) / 100);
}
