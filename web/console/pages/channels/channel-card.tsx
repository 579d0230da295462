import { useSignal } from '@preact/signals';

import type { ChannelBody, KeyMade } from '../../../api/schemas/channel.ts';
import type { ShareLinkMade } from '../../../api/schemas/contributor.ts';
import { ask } from '../../api.ts';
import { Secret } from '../../form.tsx';
import { may } from '../../session.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { dateOf } from '../../words.ts';

const tones: Record<string, string> = { live: 'good', degraded: 'warn', waiting: 'warn', failed: 'bad' };

export function ChannelCard({ channel, onChange }: { channel: ChannelBody; onChange: () => void }) {
  const { id, name, state, stateReason, health, keys, driver, endpoints } = channel;
  const secrets = useSignal<{ label: string; value: string }[]>([]);
  const fault = tellFault(name);
  const act = (work: () => Promise<unknown>) => () => {
    work().then(onChange, fault);
  };
  const isStopped = state === 'idle' || state === 'failed';
  return (
    <article class="card channel" aria-label={name}>
      <h2>
        <a href={`/channels/${id}`}>{name}</a> <span class={`pill ${tones[state] ?? ''}`}>{state}</span>
      </h2>
      <p class="muted">{factsOf(channel)}</p>
      {stateReason !== null && <p class="warn">{stateReason}</p>}
      {health?.advice.map((line) => (
        <p key={line} class="warn">
          {line}
        </p>
      ))}
      {driver === 'local' ? (
        <p>
          Push to <code>{channel.ingest.rtmp}/&lt;key&gt;</code>
        </p>
      ) : (
        endpoints.map(({ label, url }) => (
          <p key={url}>
            {label} <code>{url}</code>
          </p>
        ))
      )}
      {secrets.value.map((secret) => (
        <Secret key={secret.label} {...secret} />
      ))}
      {may('channels') && keys.length > 0 && (
        <ul class="channel-keys" aria-label="Live keys">
          {keys.map((key) => (
            <li key={key.id}>
              Key <code>{key.id}</code>{' '}
              <span class="muted">
                since {dateOf(key.createdAtMs)}
                {key.issuedBy !== null && `, issued by ${key.issuedBy.name}`}
              </span>{' '}
              {keys.length > 1 && (
                <button
                  type="button"
                  class="danger"
                  onClick={act(() => ask(`/channels/${id}/keys/${key.id}`, { method: 'DELETE' }))}
                >
                  Revoke
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {may('channels') && (
        <p class="actions">
          <button
            type="button"
            onClick={act(() => ask(`/channels/${id}/${isStopped ? 'start' : 'stop'}`, { method: 'POST' }))}
          >
            {isStopped ? 'Start' : 'Stop'}
          </button>
          {driver === 'local' && (
            <button
              type="button"
              onClick={act(async () => {
                const { ingest } = await ask<KeyMade>(`/channels/${id}/keys`, {
                  method: 'POST',
                });
                secrets.value = [{ label: 'New stream key, shown this once', value: ingest.key }];
              })}
            >
              New key
            </button>
          )}
          <button
            type="button"
            onClick={act(async () => {
              const { path } = await ask<ShareLinkMade>(`/channels/${id}/share-links`, {
                method: 'POST',
                body: { withKey: driver === 'local' && keys.length < 2 },
              });
              secrets.value = [
                {
                  label: 'Link for the contributor, shown this once',
                  value: new URL(path, location.href).href,
                },
              ];
            })}
          >
            Link for the contributor
          </button>
          <button
            type="button"
            class="danger"
            onClick={() => {
              if (!confirm(`Delete the channel "${name}"? Its runs, moments and clips stay.`)) return;
              act(async () => {
                await ask(`/channels/${id}`, { method: 'DELETE' });
                tell(`${name} is deleted`);
              })();
            }}
          >
            Delete
          </button>
        </p>
      )}
    </article>
  );
}

function factsOf({ sport, health }: ChannelBody): string {
  if (!health || health.bitrateBps === 0) return sport;
  return [
    sport,
    `${health.width}×${health.height}`,
    `${Math.round(health.framesPerSecond * 100) / 100} fps`,
    `${(health.bitrateBps / 1e6).toFixed(1)} Mbit/s`,
    `keyframe every ${(health.keyframeIntervalMs / 1000).toFixed(1)} s`,
    health.hasAudio ? 'sound' : 'no sound',
  ].join(' · ');
}
