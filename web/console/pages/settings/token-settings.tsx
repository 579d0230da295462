import { useSignal } from '@preact/signals';

import { scopes } from '../../../../control/principal.ts';
import type { ApiToken, TokenMade } from '../../../api/schemas/account.ts';
import { ask } from '../../api.ts';
import { nowMs } from '../../browser.ts';
import { Field, Form, Secret } from '../../form.tsx';
import { useLoaded } from '../../load.ts';
import { may } from '../../session.ts';
import { tellFault } from '../../toasts.tsx';
import { dateOf } from '../../words.ts';

const dayMs = 86_400_000;

/** Tokens for programs. A token holds what was chosen for it, never more than its maker may. */
export function TokenSettings() {
  const tokens = useLoaded<{ tokens: ApiToken[] }>('/tokens');
  const made = useSignal<TokenMade | undefined>(undefined);
  const create = async ({ name, days, ...fields }: Record<string, string>): Promise<void> => {
    made.value = await ask<TokenMade>('/tokens', {
      method: 'POST',
      body: {
        name,
        scopes: scopes.filter((scope) => fields[`scope-${scope}`] !== undefined),
        ...(days === '' ? {} : { expiresAtMs: nowMs() + Number(days) * dayMs }),
      },
    });
    tokens.again();
  };
  const revoke = async (id: string): Promise<void> => {
    await ask(`/tokens/${id}`, { method: 'DELETE' });
    tokens.again();
  };
  return (
    <>
      <section aria-labelledby="tokens-title">
        <h2 id="tokens-title">Tokens</h2>
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>May</th>
                <th>Last used</th>
                <th>Ends</th>
                <th>
                  <span class="visually-hidden">What to do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {tokens.value.value?.tokens.map((token) => (
                <tr key={token.id}>
                  <td>{token.name}</td>
                  <td>{token.scopes.join(', ')}</td>
                  <td>{token.lastUsedAtMs === null ? 'never' : dateOf(token.lastUsedAtMs)}</td>
                  <td>{token.expiresAtMs === null ? 'never' : dateOf(token.expiresAtMs)}</td>
                  <td>
                    <button
                      type="button"
                      class="danger"
                      onClick={() => void revoke(token.id).catch(tellFault('Could not revoke it'))}
                    >
                      Revoke
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {tokens.value.value?.tokens.length === 0 && <p class="muted">No tokens yet.</p>}
        {tokens.fault.value !== '' && <p class="problem">{tokens.fault.value}</p>}
      </section>
      <section aria-labelledby="new-token-title">
        <h2 id="new-token-title">New token</h2>
        {made.value && (
          <>
            <p role="status">This is shown once. Keep it where secrets are kept.</p>
            <Secret label={`Token ${made.value.token.name}`} value={made.value.secret} />
          </>
        )}
        <Form label="New token" submit="Create" onSend={create}>
          <Field name="name" label="What it is for" maxLength={60} required placeholder="Scoreboard feed" />
          <fieldset class="scopes">
            <legend class="muted">It may</legend>
            {scopes.filter(may).map((scope) => (
              <label key={scope} class="check">
                <input type="checkbox" name={`scope-${scope}`} defaultChecked={scope === 'read'} />
                {scope}
              </label>
            ))}
          </fieldset>
          <p class="field">
            <label for="field-days">It ends after</label>
            <select id="field-days" name="days">
              <option value="30">30 days</option>
              <option value="365">a year</option>
              <option value="">never</option>
            </select>
          </p>
        </Form>
      </section>
    </>
  );
}
