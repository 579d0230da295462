import { useSignal } from '@preact/signals';

import type { ShareLinkMade } from '../../../api/schemas/contributor.ts';
import { ask } from '../../api.ts';
import { Secret } from '../../form.tsx';
import { may } from '../../session.ts';
import { tellFault } from '../../toasts.tsx';
import { timeOfDay } from '../../words.ts';
import type { ChannelBody } from '../../../api/schemas/channel.ts';
import type { RunBody } from './stream-api.ts';

const tones: Record<string, string> = { live: 'good', degraded: 'warn', waiting: 'warn', failed: 'bad' };

export function ChannelHeader(props: {
  channel: ChannelBody;
  runs: readonly RunBody[];
  runId: string | undefined;
  onRun: (runId: string) => void;
  onChange: () => void;
}) {
  const { channel, runs, runId, onRun, onChange } = props;
  return (
    <header class="stream-header">
      <h2>{channel.name}</h2>
      <span class={`pill state ${tones[channel.state] ?? ''}`}>{channel.state}</span>
      <span class="muted">{channel.sport}</span>
      {runs.length > 0 && (
        <label class="stream-run">
          Run{' '}
          <select value={runId} onChange={(event) => onRun(event.currentTarget.value)}>
            {runs.map((run) => (
              <option key={run.id} value={run.id}>
                {runWords(run)}
              </option>
            ))}
          </select>
        </label>
      )}
      {may('channels') && <ChannelActions key={channel.id} channel={channel} onChange={onChange} />}
      {channel.stateReason !== null && <p class="warn stream-reason">{channel.stateReason}</p>}
    </header>
  );
}

function runWords({ startWallMs, endedAtMs, momentCount }: RunBody): string {
  const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' }).format(startWallMs);
  const until = endedAtMs === null ? 'now' : timeOfDay(endedAtMs).slice(0, 5);
  return `${day}, ${timeOfDay(startWallMs).slice(0, 5)} to ${until}${endedAtMs === null ? '' : `, ${momentCount === 1 ? '1 moment' : `${momentCount} moments`}`}`;
}

function ChannelActions({ channel, onChange }: { channel: ChannelBody; onChange: () => void }) {
  const { id, name, state, driver, keys } = channel;
  const secret = useSignal<{ label: string; value: string } | undefined>(undefined);
  const act = (work: () => Promise<unknown>) => () => {
    work().then(onChange, tellFault(name));
  };
  const isStopped = state === 'idle' || state === 'failed';
  const power = act(() => ask(`/channels/${id}/${isStopped ? 'start' : 'stop'}`, { method: 'POST' }));
  const newKey = act(async () => {
    const { ingest } = await ask<{ ingest: { key: string } }>(`/channels/${id}/keys`, { method: 'POST' });
    secret.value = { label: 'New stream key, shown this once', value: ingest.key };
  });
  const share = act(async () => {
    const body = { withKey: driver === 'local' && keys.length < 2 };
    const { path } = await ask<ShareLinkMade>(`/channels/${id}/share-links`, { method: 'POST', body });
    const value = new URL(path, location.href).href;
    secret.value = { label: 'Link for the contributor, shown this once', value };
  });
  return (
    <>
      <p class="stream-actions">
        <button
          type="button"
          onClick={() => {
            // A match that is on air ends with it.
            if (state === 'live' && !confirm(`Stop "${name}" while it is live?`)) return;
            power();
          }}
        >
          {isStopped ? 'Start' : 'Stop'}
        </button>
        {driver === 'local' && (
          <button type="button" onClick={newKey}>
            New key
          </button>
        )}
        <button type="button" onClick={share}>
          Share link
        </button>
      </p>
      {secret.value && (
        <div class="stream-secret">
          <Secret {...secret.value} />
          <button type="button" class="quiet" onClick={() => (secret.value = undefined)}>
            Hide
          </button>
        </div>
      )}
    </>
  );
}
