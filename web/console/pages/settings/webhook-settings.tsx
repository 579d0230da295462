import { useSignal } from '@preact/signals';

import { webhookEventTypes } from '../../../../control/webhooks/event-types.ts';
import type { Webhook, WebhookDelivery, WebhookMade } from '../../../api/schemas/webhook.ts';
import { ask } from '../../api.ts';
import { Field, Form, Secret } from '../../form.tsx';
import { useLoaded } from '../../load.ts';
import { tellFault } from '../../toasts.tsx';
import { dateOf } from '../../words.ts';
import { WebhookLog } from './webhook-log.tsx';

const everyMs = 5_000;

/** Addresses outside that are told what happens here. */
export function WebhookSettings() {
  const webhooks = useLoaded<{ webhooks: Webhook[] }>('/webhooks', everyMs);
  const made = useSignal<WebhookMade | undefined>(undefined);
  const opened = useSignal('');
  const tested = useSignal<WebhookDelivery | undefined>(undefined);
  const list = webhooks.value.value?.webhooks;

  const create = async ({ url, description, ...fields }: Record<string, string>): Promise<void> => {
    const eventTypes = webhookEventTypes.filter((type) => fields[`type-${type}`] !== undefined);
    made.value = await ask<WebhookMade>('/webhooks', {
      method: 'POST',
      body: { url, description, eventTypes },
    });
    webhooks.again();
  };
  const change = async (path: string, method: 'PATCH' | 'DELETE', body?: unknown): Promise<void> => {
    await ask(`/webhooks/${path}`, { method, body });
    webhooks.again();
  };
  const rotate = async (id: string): Promise<void> => {
    made.value = await ask<WebhookMade>(`/webhooks/${id}/rotate`, { method: 'POST' });
    webhooks.again();
    document.getElementById('new-webhook-title')?.scrollIntoView();
  };
  const test = async (id: string): Promise<void> => {
    tested.value = await ask<WebhookDelivery>(`/webhooks/${id}/test`, { method: 'POST' });
    opened.value = id;
  };

  return (
    <>
      <section aria-labelledby="webhooks-title">
        <h2 id="webhooks-title">Webhooks</h2>
        <p class="muted">
          Addresses that are told of moments, clips and channels as it happens: a chat, a MAM, a script.
        </p>
        <ul class="webhooks">
          {list?.map((webhook) => (
            <li key={webhook.id} class="webhook" aria-label={nameOf(webhook)}>
              <p class="webhook-head">
                <b>{nameOf(webhook)}</b> <StateWord webhook={webhook} />
              </p>
              {webhook.description !== '' && <p class="webhook-url">{webhook.url}</p>}
              <p class="muted">{webhook.eventTypes.join(', ')}</p>
              {webhook.createdBy && <p class="muted">Made by {webhook.createdBy.name}</p>}
              {webhook.disabledWhy !== null && <p class="problem">Turned off: {webhook.disabledWhy}</p>}
              {webhook.oldSecretUntilMs !== null && (
                <p class="muted">Both secrets sign until {dateOf(webhook.oldSecretUntilMs)}.</p>
              )}
              <p class="webhook-actions">
                <button
                  type="button"
                  onClick={() => void test(webhook.id).catch(tellFault('Could not send the test'))}
                >
                  Test
                </button>
                <button
                  type="button"
                  aria-expanded={opened.value === webhook.id}
                  onClick={() => (opened.value = opened.value === webhook.id ? '' : webhook.id)}
                >
                  Log
                </button>
                <button
                  type="button"
                  onClick={() =>
                    void change(webhook.id, 'PATCH', { isEnabled: !webhook.isEnabled }).catch(
                      tellFault('Could not change it'),
                    )
                  }
                >
                  {webhook.isEnabled ? 'Turn off' : 'Turn on'}
                </button>
                <button
                  type="button"
                  onClick={() => void rotate(webhook.id).catch(tellFault('Could not rotate it'))}
                >
                  New secret
                </button>
                <button
                  type="button"
                  class="danger"
                  onClick={() => void change(webhook.id, 'DELETE').catch(tellFault('Could not remove it'))}
                >
                  Remove
                </button>
              </p>
              {tested.value?.webhookId === webhook.id && <Tested delivery={tested.value} />}
              {opened.value === webhook.id && <WebhookLog key={tested.value?.id ?? ''} webhook={webhook} />}
            </li>
          ))}
        </ul>
        {list?.length === 0 && <p class="muted">No webhooks yet.</p>}
        {webhooks.fault.value !== '' && <p class="problem">{webhooks.fault.value}</p>}
      </section>
      <section aria-labelledby="new-webhook-title">
        <h2 id="new-webhook-title">New webhook</h2>
        {made.value && (
          <>
            <p role="status">This is shown once. The receiver checks signatures with it.</p>
            <Secret label={`Secret of ${nameOf(made.value.webhook)}`} value={made.value.secret} />
          </>
        )}
        <Form label="New webhook" submit="Create" onSend={create}>
          <Field
            name="url"
            label="Address"
            maxLength={2000}
            required
            placeholder="https://example.com/hooks"
          />
          <Field name="description" label="Whose it is" maxLength={120} placeholder="Newsroom chat" />
          <fieldset class="scopes">
            <legend class="muted">It is told of</legend>
            {webhookEventTypes.map((type) => (
              <label key={type} class="check">
                <input type="checkbox" name={`type-${type}`} defaultChecked />
                {type}
              </label>
            ))}
          </fieldset>
        </Form>
      </section>
    </>
  );
}

function nameOf({ description, url }: Webhook): string {
  return description === '' ? url : description;
}

function StateWord({ webhook }: { webhook: Webhook }) {
  const { isEnabled, failingSinceMs, waitingCount } = webhook;
  if (!isEnabled) return <span class="muted">off</span>;
  const waiting = waitingCount === 0 ? '' : `, ${waitingCount} waiting`;
  if (failingSinceMs === null) return <span class="muted">on{waiting}</span>;
  return (
    <span class="webhook-fault">
      failing since {dateOf(failingSinceMs)}
      {waiting}
    </span>
  );
}

function Tested({ delivery }: { delivery: WebhookDelivery }) {
  const { status, tookMs, answer, why } = delivery;
  return (
    <div class="webhook-tested" role="status">
      <p class={why === null ? '' : 'problem'}>
        {why === null ? `Taken: ${status}` : `Not taken: ${why}`}
        {tookMs !== null && ` (${tookMs} ms)`}
      </p>
      {answer !== null && answer !== '' && <pre>{answer}</pre>}
    </div>
  );
}
