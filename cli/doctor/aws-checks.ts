import type { Clock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import type { Random } from '../../core/random.ts';
import { SqsApi } from '../../queue/sqs-api.ts';
import { drainOrdersIn } from '../../scaling/drain-orders.ts';
import { AsgApi } from '../../scaling/providers/asg-api.ts';
import { openStore } from '../../store/open-store.ts';
import type { Config } from '../config.ts';
import { eventsRegionOf, openAws } from '../wire-medialive.ts';
import {
  eventAttempts,
  mediaLiveAttempts,
  queueAttempts,
  storeAttempts,
  type Attempt,
} from './aws-attempts.ts';
import { orderAttempts, scalingAttempts } from './scaling-attempts.ts';

/** One permission, tried by using it where that changes nothing. */
export interface PermissionFinding {
  action: string;
  resource: string;
  /** `warn`: it could not be tried. `note`: refused, which is no fault in every policy; the message says when it is. */
  level: 'ok' | 'note' | 'warn' | 'bad';
  message: string;
}

/**
 * Tries what these credentials have to be allowed for the settings as they are, and names what is missing. Objects are
 * written, read and removed; of queues and channels the calls are ones that AWS has to let in and then to refuse for what they
 * ask (a receipt that is none, a channel that is not there), so that nothing is sent, taken or started.
 */
export async function checkAws(
  config: Config,
  { clock, random }: { clock: Clock; random: Random },
): Promise<PermissionFinding[]> {
  const findings: PermissionFinding[] = [];
  if (config.store.kind === 's3') {
    const store = await openStore(config, { clock, random, log: silentLog });
    const place = { ...config.store, endpoint: config.s3Endpoint };
    findings.push(...(await tryAll(storeAttempts(store, place, { clock, random }))));
    if (config.scaling === 'asg')
      findings.push(...(await tryAll(orderAttempts(drainOrdersIn(store), config.store))));
  }
  if (config.scaling === 'asg') {
    const region = config.scalingRegion;
    const names = config.scalingPools.map(({ name }) => name);
    const api = new AsgApi({ region, clock, random });
    try {
      findings.push(...(await tryAll(scalingAttempts(api, { names, region }, new AbortController().signal))));
    } finally {
      api.close();
    }
  }
  if (config.queue.engine === 'sqs') {
    const api = new SqsApi({ region: config.queue.region, clock, random });
    try {
      findings.push(...(await tryAll(queueAttempts(api, config.queue))));
    } finally {
      api.close();
    }
  }
  if (config.mediaLiveRole !== undefined) {
    const aws = openAws(config, { clock, random });
    try {
      findings.push(...(await tryAll(mediaLiveAttempts(aws, config, { clock, random }))));
    } finally {
      aws.close();
    }
  }
  if (config.mediaLiveRole !== undefined && config.mediaLiveEvents !== undefined) {
    const region = eventsRegionOf(config);
    const api = new SqsApi({ region, clock, random });
    try {
      findings.push(...(await tryAll(eventAttempts(api, config.mediaLiveEvents, region))));
    } finally {
      api.close();
    }
  }
  return findings;
}

async function tryAll(attempts: readonly Attempt[]): Promise<PermissionFinding[]> {
  const findings: PermissionFinding[] = [];
  for (const attempt of attempts) {
    const { action, resource, ifDenied } = attempt;
    try {
      await attempt.run();
      findings.push({ action, resource, level: 'ok', message: 'allowed' });
    } catch (thrown) {
      findings.push({ action, resource, ...judge(thrown, ifDenied) });
    }
  }
  return findings;
}

/** Let in and refused for what was asked is allowed; anything but that and a refusal of who asked says nothing. */
export function judge(thrown: unknown, ifDenied?: string): Pick<PermissionFinding, 'level' | 'message'> {
  const error = asTouchlineError(thrown);
  const status = statusOf(error);
  const isDenied =
    status === 401 ||
    status === 403 ||
    /\.(denied|forbidden|bad-credentials|no-credentials)$/.test(error.code);
  if (isDenied && ifDenied !== undefined) return { level: 'note', message: `${ifDenied} (${error.message})` };
  if (isDenied) return { level: 'bad', message: `missing: ${error.message}` };
  const isLetIn = status !== undefined && status >= 400 && status < 500 && status !== 429;
  if (isLetIn) return { level: 'ok', message: 'allowed' };
  return { level: 'warn', message: `could not be tried: ${error.message}` };
}

/** Of the answer, wherever in the chain of causes the SDK's own error stands. */
function statusOf(thrown: unknown): number | undefined {
  let error = thrown;
  for (let depth = 0; depth < 4 && error instanceof Error; depth += 1) {
    const { $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    if ($metadata?.httpStatusCode !== undefined) return $metadata.httpStatusCode;
    error = error.cause;
  }
  return undefined;
}
