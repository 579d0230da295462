import type { Clock } from '../core/clock.ts';
import { asTouchlineError } from '../core/errors.ts';
import { isWorthALine, type Log } from '../core/log.ts';
import type { InstanceMetadata } from './instance-metadata.ts';

export interface EndNotice {
  /** `spot`: EC2 takes the machine back in two minutes; `lifecycle`: its Auto Scaling Group ends it. */
  kind: 'spot' | 'lifecycle';
  /** As EC2 puts it: `terminate at 2026-11-23T12:00:00Z`, `Terminated`. */
  text: string;
}

/** AWS asks for every 5 s; of two minutes that is little. */
const pollMs = 5_000;

/**
 * Waits until EC2 says that this machine is about to go. What cannot be asked is asked again: a machine that does not hear
 * works on, and its leases run out with it.
 *
 * @returns undefined when `signal` aborted first
 */
export async function untilEndNotice(
  metadata: InstanceMetadata,
  tools: { clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<EndNotice | undefined> {
  const { clock, log } = tools;
  let failureCount = 0;
  while (!signal.aborted) {
    try {
      const notice = await readNotice(metadata);
      if (notice) return notice;
      failureCount = 0;
    } catch (error) {
      failureCount += 1;
      if (isWorthALine(failureCount))
        log.warn('the instance metadata service does not answer: notices of an end are not heard', {
          failureCount,
          error: asTouchlineError(error),
        });
    }
    await clock.sleep(pollMs, signal).catch(() => undefined);
  }
  return undefined;
}

async function readNotice(metadata: InstanceMetadata): Promise<EndNotice | undefined> {
  const spot = await metadata.read('spot/instance-action');
  if (spot !== undefined) return { kind: 'spot', text: spotText(spot) };
  const state = await metadata.read('autoscaling/target-lifecycle-state');
  if (state?.startsWith('Terminated')) return { kind: 'lifecycle', text: state };
  return undefined;
}

/** `{"action": "terminate", "time": "..."}`; whatever it says, the machine is going. */
function spotText(body: string): string {
  try {
    const { action, time } = JSON.parse(body) as { action?: string; time?: string };
    return `${action ?? 'end'} at ${time ?? 'an unknown time'}`;
  } catch {
    return body.slice(0, 100);
  }
}
