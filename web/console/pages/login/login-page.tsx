import type { Me } from '../../../api/schemas/account.ts';
import { ask } from '../../api.ts';
import { Field, Form } from '../../form.tsx';
import { readSession } from '../../session.ts';
import './login.css';

/** Where everybody lands who is not signed in. */
export function LoginPage({ isAgain }: { isAgain: boolean }) {
  document.title = 'Sign in · Touchline';
  return (
    <main class="login card">
      <h1>Touchline</h1>
      {isAgain && <p role="status">You were signed out. Sign in to go on where you were.</p>}
      <Form label="Sign in" submit="Sign in" onSend={signIn}>
        <Field name="name" label="Name" autocomplete="username" maxLength={200} required autofocus />
        <Field name="password" label="Password" type="password" autocomplete="current-password" required />
      </Form>
      <p class="muted">
        No account, or a password forgotten? Whoever runs this server makes a link with{' '}
        <code>touchline user link NAME</code>.
      </p>
    </main>
  );
}

async function signIn({ name, password }: Record<string, string>): Promise<void> {
  await ask<Me>('/session', { method: 'POST', body: { name, password } });
  await readSession();
}
