import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { ChannelBody, ChannelMade } from '../../../api/schemas/channel.ts';
import { ask } from '../../api.ts';
import { Field, Form, Secret } from '../../form.tsx';
import { listen } from '../../live/live-events.ts';
import { useLoaded } from '../../load.ts';
import { may } from '../../session.ts';
import { ChannelCard } from './channel-card.tsx';
import './channels.css';

/** Every input and its state; where channels begin and end. */
export function ChannelsPage(_props: { params: Record<string, string> }) {
  const channels = useLoaded<{ channels: ChannelBody[] }>('/channels');
  const made = useSignal<ChannelMade | undefined>(undefined);
  useEffect(
    () =>
      listen({
        onRefresh: channels.again,
        onEvent: ({ kind }) => {
          if (kind.startsWith('channel.')) channels.again();
        },
      }),
    [channels],
  );
  const create = async ({ name, sport }: Record<string, string>): Promise<void> => {
    made.value = await ask<ChannelMade>('/channels', { method: 'POST', body: { name, sport } });
    channels.again();
  };
  const list = channels.value.value?.channels;
  return (
    <div class="channels">
      {channels.fault.value !== '' && (
        <p class="problem" role="alert">
          {channels.fault.value}
        </p>
      )}
      {list?.length === 0 && (
        <p class="empty">
          No channel yet. A channel is one camera or stream: make one, and push to its address.
        </p>
      )}
      <ul class="channel-list">
        {list?.map((channel) => (
          <li key={channel.id}>
            <ChannelCard channel={channel} onChange={channels.again} />
          </li>
        ))}
      </ul>
      {may('channels') && (
        <section class="card" aria-labelledby="new-channel">
          <h2 id="new-channel">New channel</h2>
          {made.value && (
            <div role="status" class="made">
              <p>
                <b>{made.value.name}</b> waits for a feed. The key is shown this once.
              </p>
              <Secret label="Server" value={made.value.ingest.rtmp.replace(/\/[^/]*$/, '')} />
              <Secret label="Stream key" value={made.value.ingest.key} />
            </div>
          )}
          <Form label="New channel" submit="Create" onSend={create}>
            <Field
              name="name"
              label="Name"
              maxLength={63}
              required
              placeholder="Pitch 1"
              autocomplete="off"
            />
            <p class="field">
              <label for="field-sport">Sport</label>
              <select id="field-sport" name="sport" defaultValue="soccer">
                {['soccer', 'basketball', 'tennis', 'cricket', 'generic'].map((sport) => (
                  <option key={sport} value={sport}>
                    {sport}
                  </option>
                ))}
              </select>
            </p>
          </Form>
        </section>
      )}
    </div>
  );
}
