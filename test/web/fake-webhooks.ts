import type { Webhooks } from '../../web/api/webhooks.ts';

/** Nobody outside is told anything in this test; what is asked all the same is refused by name. */
export function noWebhooks(given: Partial<Webhooks> = {}): Webhooks {
  return new Proxy(given as Webhooks, {
    get: (desk, name) =>
      Reflect.get(desk, name) ??
      (() => Promise.reject(new Error(`this test has no webhooks (${String(name)})`))),
  });
}
