import type { Webhook, WebhookDelivery } from '../../../api/schemas/webhook.ts';
import { ask } from '../../api.ts';
import { useLoaded } from '../../load.ts';
import { tellFault } from '../../toasts.tsx';
import { dateOf } from '../../words.ts';

const everyMs = 2_000;

/** What was sent to one webhook, newest first, with what came back. */
export function WebhookLog({ webhook }: { webhook: Webhook }) {
  const log = useLoaded<{ deliveries: WebhookDelivery[] }>(`/webhooks/${webhook.id}/deliveries`, everyMs);
  const again = async (id: string): Promise<void> => {
    await ask(`/webhooks/${webhook.id}/deliveries/${id}/again`, { method: 'POST' });
    log.again();
  };
  const deliveries = log.value.value?.deliveries;
  if (log.fault.value !== '') return <p class="problem">{log.fault.value}</p>;
  if (deliveries?.length === 0) return <p class="muted">Nothing was sent yet.</p>;
  return (
    <div class="table">
      <table>
        <thead>
          <tr>
            <th>When</th>
            <th>What</th>
            <th>Outcome</th>
            <th>
              <span class="visually-hidden">What to do</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {deliveries?.map((one) => (
            <tr key={one.id}>
              <td>{dateOf(one.lastAtMs ?? one.createdAtMs)}</td>
              <td>{one.type}</td>
              <td>
                <Outcome delivery={one} />
              </td>
              <td>
                <button
                  type="button"
                  disabled={!webhook.isEnabled}
                  aria-label={`Send ${one.type} of ${dateOf(one.createdAtMs)} again`}
                  onClick={() => void again(one.id).catch(tellFault('Could not send it again'))}
                >
                  Send again
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Outcome({ delivery }: { delivery: WebhookDelivery }) {
  const { state, status, tookMs, tries, why, answer, nextAtMs } = delivery;
  const seen = [
    state,
    status === null ? '' : String(status),
    tookMs === null ? '' : `${tookMs} ms`,
    tries > 1 ? `${tries} tries` : '',
    nextAtMs === null || tries === 0 ? '' : `next ${dateOf(nextAtMs)}`,
  ];
  return (
    <>
      {seen.filter((word) => word !== '').join(' · ')}
      {why !== null && <div class="webhook-fault">{why}</div>}
      {answer !== null && answer !== '' && (
        <details>
          <summary>Answer</summary>
          <pre>{answer}</pre>
        </details>
      )}
    </>
  );
}
