import type { Accounts } from '../../control/account-desk.ts';

/** A server on which nobody has an account: the token of the server opens everything. */
export function noAccounts(): Accounts {
  return {
    users: {
      hasAdmin: async () => false,
      list: async () => [],
      get: nothing,
      row: nothing,
      find: async () => undefined,
      create: nothing,
      change: nothing,
      setPassword: nothing,
    },
    sessions: {
      begin: nothing,
      find: async () => undefined,
      list: async () => [],
      end: async () => undefined,
      endOne: async () => false,
      endAll: async () => undefined,
    },
    tokens: { make: nothing, list: async () => [], revoke: nothing, find: async () => undefined },
    idempotency: {
      begin: async () => ({ kind: 'first' }),
      finish: async () => undefined,
      forget: async () => undefined,
    },
    signIn: async () => undefined,
    makeLink: nothing,
    redeem: nothing,
    changePassword: nothing,
    invite: nothing,
  };
}

function nothing(): never {
  throw new Error('no account is asked for in this test');
}
