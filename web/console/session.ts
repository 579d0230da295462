import { computed, signal } from '@preact/signals';

import type { Role, Scope } from '../../control/principal.ts';
import { ApiError, ask, isSignedOut } from './api.ts';
import { startLiveEvents } from './live/live-events.ts';

export interface Me {
  id: string;
  name: string;
  role: Role | null;
  scopes: readonly Scope[];
}

/** Undefined until the server has answered; null = nobody is signed in. */
export const me = signal<Me | null | undefined>(undefined);

export function may(scope: Scope): boolean {
  return me.value?.scopes.includes(scope) ?? false;
}

export const isSignedIn = computed(() => Boolean(me.value) && !isSignedOut.value);

/** Asks who we are. @throws TypeError when the server cannot be reached */
export async function readSession(): Promise<void> {
  try {
    me.value = await ask<Me>('/session');
    isSignedOut.value = false;
    startLiveEvents();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    me.value = null;
  }
}

export async function signOut(): Promise<void> {
  await ask('/session', { method: 'DELETE' });
  // Everything that was read goes with the page.
  location.assign('/');
}
