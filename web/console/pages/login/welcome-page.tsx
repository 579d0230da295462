import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { Redeemed } from '../../../api/schemas/account.ts';
import { ask, wordsOf } from '../../api.ts';
import { Field, Form } from '../../form.tsx';
import { go } from '../../router.ts';
import { readSession } from '../../session.ts';
import './login.css';

/** Where a one-time link leads: `/welcome#code`. The code is in the fragment, which browsers send to nobody. */
export function WelcomePage() {
  document.title = 'Welcome · Touchline';
  const state = useSignal<'asking' | { name: string | null } | { fault: string }>('asking');
  const code = useSignal('');

  useEffect(() => {
    const begin = (): void => {
      code.value = location.hash.slice(1);
      state.value = 'asking';
      // It leaves the address bar and the history at once.
      history.replaceState({}, '', '/welcome');
      redeem({ code: code.value }).then(
        (needed) => {
          if (needed) state.value = needed;
        },
        (error: unknown) => {
          state.value = { fault: wordsOf(error) };
        },
      );
    };
    begin();
    // A second link in the same tab changes the fragment alone, and the page is not loaded anew.
    addEventListener('hashchange', begin);
    return () => removeEventListener('hashchange', begin);
  }, [code, state]);

  return (
    <main class="login card">
      <h1>Touchline</h1>
      {state.value === 'asking' && <p role="status">Signing in</p>}
      {isNaming(state.value) && (
        <>
          <p>
            {state.value.name === null
              ? 'Choose a name and a password. The link works once; from then on you sign in with these.'
              : `Hello ${state.value.name}. Choose a password; from then on you sign in with it.`}
          </p>
          <Form
            label="Your account"
            submit="Begin"
            onSend={async ({ name, password }) => {
              await redeem({ code: code.value, name, password });
            }}
          >
            {state.value.name === null && (
              <Field name="name" label="Name" autocomplete="username" maxLength={60} required autofocus />
            )}
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
      {isFault(state.value) && (
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

type State = 'asking' | { name: string | null } | { fault: string };

function isNaming(state: State): state is { name: string | null } {
  return typeof state === 'object' && 'name' in state;
}

function isFault(state: State): state is { fault: string } {
  return typeof state === 'object' && 'fault' in state;
}

/** Signs in and goes on, or says what is still needed. */
async function redeem(
  wish: Record<string, string | undefined>,
): Promise<{ name: string | null } | undefined> {
  const answer = await ask<Redeemed>('/session/redeem', { method: 'POST', body: wish });
  if (answer.state === 'details-needed') return { name: answer.name };
  await readSession();
  go('/', { replace: true });
  return undefined;
}
