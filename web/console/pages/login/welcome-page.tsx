import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { ApiError, ask, wordsOf } from '../../api.ts';
import { Field, Form } from '../../form.tsx';
import { go } from '../../router.ts';
import { readSession } from '../../session.ts';
import './login.css';

/** Where a one-time link leads: `/welcome#code`. The code is in the fragment, which browsers send to nobody. */
export function WelcomePage() {
  document.title = 'Welcome · Touchline';
  const state = useSignal<'asking' | 'details' | { fault: string }>('asking');
  const code = useSignal('');

  useEffect(() => {
    code.value = location.hash.slice(1);
    // It leaves the address bar and the history at once.
    history.replaceState({}, '', '/welcome');
    redeem({ code: code.value }).catch((error: unknown) => {
      const isNew = error instanceof ApiError && error.code === 'account.details-needed';
      state.value = isNew ? 'details' : { fault: wordsOf(error) };
    });
  }, [code, state]);

  return (
    <main class="login card">
      <h1>Touchline</h1>
      {state.value === 'asking' && <p role="status">Signing in</p>}
      {state.value === 'details' && (
        <>
          <p>Choose a name and a password. The link works once; from then on you sign in with these.</p>
          <Form
            label="Your account"
            submit="Begin"
            onSend={({ name, password }) => redeem({ code: code.value, name, password })}
          >
            <Field name="name" label="Name" autocomplete="username" maxLength={60} required autofocus />
            <Field
              name="password"
              label="Password"
              type="password"
              autocomplete="new-password"
              hint="At least 10 characters; a few words are easy to remember."
              minLength={10}
              maxLength={200}
              required
            />
          </Form>
        </>
      )}
      {typeof state.value === 'object' && (
        <>
          <p class="problem" role="alert">
            {state.value.fault}
          </p>
          <p>
            <a href="/">To the sign-in</a>
          </p>
        </>
      )}
    </main>
  );
}

async function redeem(wish: Record<string, string | undefined>): Promise<void> {
  await ask('/session/redeem', { method: 'POST', body: wish });
  await readSession();
  go('/', { replace: true });
}
