import type { Session } from '../../../api/schemas/account.ts';
import { ask } from '../../api.ts';
import { Field, Form } from '../../form.tsx';
import { useLoaded } from '../../load.ts';
import { me, signOut } from '../../session.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { dateOf } from '../../words.ts';

/** Who one is, and where one is signed in. */
export function AccountSettings() {
  const sessions = useLoaded<{ sessions: Session[] }>('/session/all');
  const end = async (id: string): Promise<void> => {
    await ask(`/session/all/${id}`, { method: 'DELETE' });
    sessions.again();
  };
  return (
    <>
      <section aria-labelledby="you-title">
        <h2 id="you-title">You</h2>
        <p>
          Signed in as <b>{me.value?.name}</b>
          {me.value?.role && <span class="muted"> ({me.value.role})</span>}
        </p>
        <p>
          <button type="button" onClick={() => void signOut().catch(tellFault('Could not sign out'))}>
            Sign out
          </button>
        </p>
      </section>
      {me.value?.role && (
        <section aria-labelledby="password-title">
          <h2 id="password-title">Password</h2>
          <Form
            label="Password"
            submit="Change it"
            onSend={async ({ old, password }) => {
              await ask('/session/password', { method: 'PUT', body: { old, password } });
              tell('The password is changed; you are signed out everywhere else');
              sessions.again();
            }}
          >
            <Field name="old" label="The old one" type="password" autocomplete="current-password" required />
            <Field
              name="password"
              label="The new one"
              type="password"
              autocomplete="new-password"
              minLength={10}
              maxLength={200}
              required
            />
          </Form>
        </section>
      )}
      {sessions.value.value && (
        <section aria-labelledby="sessions-title">
          <h2 id="sessions-title">Where you are signed in</h2>
          <div class="table">
            <table>
              <thead>
                <tr>
                  <th>Browser</th>
                  <th>Last seen</th>
                  <th>Since</th>
                  <th>
                    <span class="visually-hidden">What to do</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {sessions.value.value.sessions.map((one) => (
                  <tr key={one.id}>
                    <td>{one.agent}</td>
                    <td>{one.isThisOne ? 'here, now' : dateOf(one.lastSeenAtMs)}</td>
                    <td>{dateOf(one.createdAtMs)}</td>
                    <td>
                      {!one.isThisOne && (
                        <button
                          type="button"
                          onClick={() => void end(one.id).catch(tellFault('Could not end it'))}
                        >
                          End
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </>
  );
}
