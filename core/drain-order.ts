/**
 * The object that tells the workers of a machine to drain: it is there, or it is not. Workers see nothing but the queue and
 * the store, so this is how the fleet speaks to one of them.
 */
export function drainOrderKey(instanceId: string): string {
  return `fleet/orders/${instanceId}.json`;
}
