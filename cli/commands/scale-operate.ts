import { InvalidArgumentError, type Command } from 'commander';

import { systemClock } from '../../core/clock.ts';
import { countEach } from '../../core/count-each.ts';
import type { Backlog, ChannelLoad, InstanceLoad, WorkerView } from '../../core/load.ts';
import type { ScalingOverrides, StoredDecision } from '../../control/scaling-records.ts';
import { brakeSentences, type Decision } from '../../scaling/decide.ts';
import type { ActionOutcome, FleetAction } from '../../scaling/fleet-provider.ts';
import type { Snapshot } from '../../scaling/snapshot.ts';
import type { CliIo } from '../cli-io.ts';
import { instant } from '../instant.ts';
import { wholeNumber } from '../number-options.ts';

interface Options {
  json?: true;
}

interface Status {
  workers: WorkerView[];
  instances: InstanceLoad[];
  backlog: Backlog;
  overrides: ScalingOverrides;
  bootMsP95: number | null;
  last: StoredDecision | null;
  /** The server keeps to this number and decides nothing. */
  fixedWorkerCount: number | null;
}

/** `touchline scale status | explain | pin | unpin | pause | resume`: what an operator asks and says. */
export function register(scale: Command, io: CliIo): void {
  scale
    .command('status')
    .description('How many work, what waits, and what was decided last')
    .option(
      '--json',
      'print { workers, instances, backlog, backlogPerInstance, overrides, bootMsP95, last, fixedWorkerCount }',
    )
    .action(async (options: Options) => {
      const status = await ask(io, async (api) => await api.get<Status>('/scaling'));
      if (options.json) io.printJson(status);
      else for (const line of statusLines(status)) io.print(line);
    });

  scale
    .command('explain')
    .description(
      'Why there are so many machines: the last decisions that changed something, with every input',
    )
    .option('--at <time>', 'as of then, such as 2026-11-28T15:00:00Z', instant)
    .option('--last <n>', 'so many of them, at most 200', wholeNumber(1, 200), 1)
    .option('--all', 'also those that changed nothing')
    .option('--json', 'print { decisions: [...] }')
    .action(async (options: Options & { at?: string; last: number; all?: true }) => {
      const query = new URLSearchParams({
        limit: String(options.last),
        ...(options.all ? {} : { changes: '1' }),
        ...(options.at === undefined ? {} : { until: options.at }),
      });
      const { decisions } = await ask(
        io,
        async (api) =>
          await api.get<{ decisions: StoredDecision[] }>(`/scaling/decisions?${query.toString()}`),
      );
      if (options.json) io.printJson({ decisions });
      else if (decisions.length === 0)
        io.tell(
          options.at === undefined
            ? 'Nothing has been decided yet: is a server running that scales? One that is told its number of workers (TOUCHLINE_WORKERS) keeps to it.'
            : `Nothing that was decided by ${options.at} is kept: decisions are kept for 14 days.`,
        );
      else for (const one of decisions) for (const line of explainLines(one)) io.print(line);
    });

  scale
    .command('pin')
    .argument('<count>', 'machines', wholeNumber(0, 10_000))
    .description('So many machines, whatever is computed, for a while')
    .option('--for <duration>', 'such as 45m or 2h', duration, 2 * 3_600_000)
    .action(async (wanted: number, options: { for: number }) => {
      const until = new Date(systemClock.nowMs() + options.for).toISOString();
      await say(io, { pin: { count: wanted, until } });
      io.tell(
        `${wanted} ${wanted === 1 ? 'machine' : 'machines'} until ${until}, within what the policy allows.`,
      );
    });

  scale
    .command('unpin')
    .description('Back to what is computed')
    .action(async () => {
      await say(io, { pin: null });
      io.tell('The number is computed again.');
    });

  scale
    .command('pause')
    .argument('<direction>', 'in (letting go) or out (ordering)', direction)
    .description('Let no machine go (in), or order none (out)')
    .action(async (direction: 'in' | 'out') => {
      await say(io, direction === 'in' ? { isInPaused: true } : { isOutPaused: true });
      io.tell(direction === 'in' ? 'No machine is let go.' : 'No machine is ordered.');
    });

  scale
    .command('resume')
    .description('End every pause')
    .action(async () => {
      await say(io, { isInPaused: false, isOutPaused: false });
      io.tell('Machines are ordered and let go again.');
    });
}

type Api = Parameters<Parameters<(typeof import('../with-server.ts'))['withServer']>[1]>[0];

async function ask<T>(io: CliIo, use: (api: Api) => Promise<T>): Promise<T> {
  const { withServer } = await import('../with-server.ts');
  return await withServer(io, use);
}

async function say(io: CliIo, wish: object): Promise<void> {
  const { fixedWorkerCount } = await ask(io, async (api) => {
    await api.put('/scaling/overrides', wish);
    return await api.get<Status>('/scaling');
  });
  if (fixedWorkerCount !== null)
    io.tell(`The server that runs ${keepsTo(fixedWorkerCount)}: what follows holds for one that decides.`);
}

function keepsTo(count: number): string {
  return `keeps to ${count} ${count === 1 ? 'worker' : 'workers'} (TOUCHLINE_WORKERS, or TOUCHLINE_SCALING=off)`;
}

export function statusLines(status: Status): string[] {
  const { workers, instances, backlog, overrides, bootMsP95, last, fixedWorkerCount } = status;
  const machines = (last?.decision as Partial<Decision> | undefined)?.machineCounts;
  const states = inWords(countEach(workers.map(({ state }) => state)));
  return [
    `workers     ${workers.length === 0 ? 'none has been heard of in the last minute' : states}`,
    ...(last && machines ? [`machines    ${inWords(machines)}, as seen at ${iso(last.atMs)}`] : []),
    ...instances.map(
      ({ instanceId, workerCount, inFlightCount, load }) =>
        `instance    ${instanceId}: ${workerCount} workers, ${inFlightCount} jobs in hand, ${Math.round(load * 100)} % busy`,
    ),
    ...backlogLines(backlog),
    `boot        ${bootMsP95 === null ? 'not measured yet (five machines have to have worked)' : `${seconds(bootMsP95)} s, p95`}`,
    ...(overrides.pin ? [`pinned      ${overrides.pin.count} until ${iso(overrides.pin.untilMs)}`] : []),
    ...(overrides.isInPaused ? ['paused      no machine is let go'] : []),
    ...(overrides.isOutPaused ? ['paused      no machine is ordered'] : []),
    ...(fixedWorkerCount === null ? [] : [`fixed       the server ${keepsTo(fixedWorkerCount)}`]),
    last === null ? 'decided     nothing yet' : `decided     ${iso(last.atMs)}: ${last.reason}`,
  ];
}

/** One decision as an operator reads it at night: what, why, from what, and what came of it. */
export function explainLines(stored: StoredDecision): string[] {
  const decision = stored.decision as Decision;
  const snapshot = stored.snapshot as Snapshot | null;
  const outcomes = stored.outcomes as { action: FleetAction; outcome: ActionOutcome }[];
  return [
    `${iso(stored.atMs)}  ${stored.provider}: needed ${stored.neededCount}, wanted ${stored.desiredCount}`,
    `  ${stored.reason}`,
    ...(snapshot ? inputLines(snapshot) : ['  inputs      as at the change before']),
    ...(decision.brakes.length > 0
      ? [`  held by     ${decision.brakes.map((brake) => brakeSentences[brake] ?? brake).join(', ')}`]
      : []),
    ...outcomes.map(({ action, outcome }) => `  ${actionLine(action)}: ${outcomeLine(outcome)}`),
    '',
  ];
}

function inputLines(snapshot: Snapshot): string[] {
  const { atMs, measuredAtMs, channels, backlog, machines, pools, bootMsP95 } = snapshot;
  return [
    `  figures     ${seconds(atMs - measuredAtMs)} s old; boot ${seconds(bootMsP95)} s, p95`,
    ...channels.map((channel) => `  channel     ${channelLine(channel, atMs)}`),
    ...backlogLines(backlog).map((line) => `  ${line}`),
    `  machines    ${inWords(countEach(machines.map(({ state }) => state)))}`,
    ...pools.map(
      ({ name, power, dollarsPerHour, unavailableUntilMs = 0 }) =>
        `  pool        ${name}: power ${power}, $${dollarsPerHour}/h${unavailableUntilMs > atMs ? `, has none to give until ${iso(unavailableUntilMs)}` : ''}`,
    ),
  ];
}

function channelLine({ name, isLive, startsAtMs, workPerMediaSecond }: ChannelLoad, atMs: number): string {
  const when =
    startsAtMs === undefined
      ? 'in no fixture list'
      : startsAtMs > atMs
        ? `kick-off in ${seconds(startsAtMs - atMs)} s`
        : `kick-off ${seconds(atMs - startsAtMs)} s ago`;
  return `${name}: ${isLive ? 'live' : 'expected'}, ${when}, ${workPerMediaSecond.toFixed(2)} work s per s`;
}

function backlogLines(backlog: Backlog): string[] {
  const { waitingCount, waitingWorkSeconds, oldestWaitMs, inFlightCount, arrivedWorkPerSecond } = backlog;
  return [
    `waiting     ${waitingCount} jobs, ${waitingWorkSeconds.toFixed(1)} work s, the oldest for ${seconds(oldestWaitMs)} s`,
    `in hand     ${inFlightCount} jobs; ${arrivedWorkPerSecond.toFixed(2)} work s per s came in over the last minute`,
  ];
}

function actionLine(action: FleetAction): string {
  return action.kind === 'order'
    ? `order       ${action.pool}: ${action.count} in all`
    : `${action.kind.padEnd(11)} ${action.instanceId}`;
}

function outcomeLine(outcome: ActionOutcome): string {
  switch (outcome.kind) {
    case 'done':
      return 'done';
    case 'unchanged':
      return 'was so already';
    case 'no-capacity':
      return `no capacity until ${iso(outcome.untilMs)}: ${outcome.why}`;
    case 'failed':
      return `failed: ${outcome.why}`;
  }
}

function inWords(counts: Readonly<Partial<Record<string, number>>>): string {
  const parts = Object.entries(counts).map(([name, n]) => `${n} ${name}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(ms < 10_000 ? 1 : 0);
}

function direction(text: string): 'in' | 'out' {
  if (text === 'in' || text === 'out') return text;
  throw new InvalidArgumentError('must be in (letting go) or out (ordering)');
}

function duration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(s|m|h)$/.exec(text) ?? [];
  const ms = Number(amount) * { s: 1_000, m: 60_000, h: 3_600_000 }[(unit ?? 's') as 's' | 'm' | 'h'];
  if (ms > 0 && ms <= 7 * 24 * 3_600_000) return ms;
  throw new InvalidArgumentError('must be a duration of at most 7 days, such as 45m or 2h');
}
