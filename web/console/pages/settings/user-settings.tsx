import { useSignal } from '@preact/signals';

import { roles, type Role } from '../../../../control/principal.ts';
import type { User, UserMade } from '../../../api/schemas/account.ts';
import { ask } from '../../api.ts';
import { Field, Form, Secret } from '../../form.tsx';
import { useLoaded } from '../../load.ts';
import { me } from '../../session.ts';
import { tellFault } from '../../toasts.tsx';
import { dateOf } from '../../words.ts';

/** Who works here, and as what. Invited by a link that works once, so no password goes through other hands. */
export function UserSettings() {
  const users = useLoaded<{ users: User[] }>('/users');
  const made = useSignal<UserMade | undefined>(undefined);
  const change = async (id: string, wish: { role?: Role; isDisabled?: boolean }): Promise<void> => {
    await ask(`/users/${id}`, { method: 'PATCH', body: wish });
    users.again();
  };
  const link = async (id: string): Promise<void> => {
    made.value = await ask<UserMade>(`/users/${id}/link`, { method: 'POST' });
  };
  const fault = tellFault('Could not change the account');
  return (
    <>
      <section aria-labelledby="people-title">
        <h2 id="people-title">People</h2>
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>Role</th>
                <th>Last seen</th>
                <th>
                  <span class="visually-hidden">What to do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {users.value.value?.users.map((user) => (
                <tr key={user.id}>
                  <td>
                    {user.name}
                    {user.isDisabled && <span class="muted"> (shut out)</span>}
                  </td>
                  <td>
                    <select
                      aria-label={`Role of ${user.name}`}
                      value={user.role}
                      disabled={user.id === me.value?.id}
                      onChange={({ currentTarget }) =>
                        void change(user.id, { role: currentTarget.value as Role }).catch(fault)
                      }
                    >
                      {roles.map((role) => (
                        <option key={role} value={role}>
                          {role}
                        </option>
                      ))}
                    </select>
                  </td>
                  <td>{user.lastSeenAtMs === null ? 'never' : dateOf(user.lastSeenAtMs)}</td>
                  <td>
                    <button type="button" onClick={() => void link(user.id).catch(fault)}>
                      New link
                    </button>{' '}
                    {user.id !== me.value?.id && (
                      <button
                        type="button"
                        class="danger"
                        onClick={() => void change(user.id, { isDisabled: !user.isDisabled }).catch(fault)}
                      >
                        {user.isDisabled ? 'Let in again' : 'Shut out'}
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {users.fault.value !== '' && <p class="problem">{users.fault.value}</p>}
      </section>
      <section aria-labelledby="invite-title">
        <h2 id="invite-title">Invite somebody</h2>
        {made.value && (
          <>
            <p role="status">Send this to {made.value.user.name}. It works once and is shown once.</p>
            <Secret
              label={`Link for ${made.value.user.name}`}
              value={new URL(made.value.link, location.href).href}
            />
          </>
        )}
        <Form
          label="Invite somebody"
          submit="Invite"
          onSend={async ({ name, role }) => {
            made.value = await ask<UserMade>('/users', { method: 'POST', body: { name, role } });
            users.again();
          }}
        >
          <Field name="name" label="Name" maxLength={60} required autocomplete="off" />
          <p class="field">
            <label for="field-role">Role</label>
            <select id="field-role" name="role" defaultValue="editor">
              {roles.map((role) => (
                <option key={role} value={role}>
                  {role}
                </option>
              ))}
            </select>
          </p>
        </Form>
      </section>
    </>
  );
}
