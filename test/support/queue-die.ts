import { startModule } from '../../core/process.ts';
import { Collected } from '../queue/queue-contract.ts';

/** A process takes `count` result jobs from the queue at `at`, and is killed with them. */
export async function takeAndDie(options: {
  at: string;
  leaseMs: number;
  count: number;
  env?: NodeJS.ProcessEnv;
}): Promise<{ id: string; attempt: number }[]> {
  const child = await startModule({
    url: new URL('./queue-holder.ts', import.meta.url),
    // A lease that runs out while the next process starts.
    args: [options.at, String(options.leaseMs / 2), String(options.count)],
    env: { ...process.env, ...options.env },
  });
  const taken = new Collected<{ id: string; attempt: number }>();
  child.onMessage((message) => taken.add(message as { id: string; attempt: number }));
  const all = await taken.reach(options.count);
  child.kill();
  await child.exit;
  return all;
}
