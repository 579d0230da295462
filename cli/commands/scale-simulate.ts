import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { InvalidArgumentError, type Command } from 'commander';

import { TouchlineError } from '../../core/errors.ts';
import type { Comparison } from '../../scaling/simulate/compare.ts';
import type { Outcome } from '../../scaling/simulate/outcome.ts';
import type { Trace } from '../../scaling/simulate/trace.ts';
import type { CliIo } from '../cli-io.ts';

interface Options {
  trace: string[];
  day?: string;
  policy?: string;
  boot: number;
  work: number;
  unscheduled: number;
  fault: string[];
  seed: number;
  svg?: string;
  json?: true;
}

/** `touchline scale simulate`: a day on paper, under our controller, under the rules of the field, and under one who knows all. */
export function register(scale: Command, io: CliIo): void {
  scale
    .command('simulate')
    .description('Try a policy on paper: a day of matches on a virtual clock, beside other ways to scale')
    .option(
      '--trace <file>',
      'fixture list in the format of football.json; may be repeated (default: a Saturday)',
      all,
      [],
    )
    .option('--day <date>', 'of the fixture lists, such as 2026-02-07 (default: the busiest)')
    .option('--policy <file>', 'a policy as YAML or JSON (default: the defaults)')
    .option('--boot <seconds>', 'median time from launch to work', number('seconds', 1, 7200), 240)
    .option('--work <seconds>', 'GPU time that a segment of 6 s takes', number('seconds', 0.05, 60), 6)
    .option(
      '--unscheduled <share>',
      'of the matches that no fixture announces, 0 to 1',
      number('a share', 0, 1),
      0,
    )
    .option(
      '--fault <what>',
      'something that goes wrong, such as spot=0.2:120; may be repeated (all: --fault help)',
      all,
      [],
    )
    .option('--seed <n>', 'the same seed gives the same day', wholeNumber, 1)
    .option('--svg <file>', 'draw machines and backlog over time')
    .option(
      '--json',
      'print { trace, seed, bound: { gpuHours, dollars }, outcomes: [{ name, gpuHours, ... }] }',
    )
    .action(async (options: Options) => {
      const { compare } = await import('../../scaling/simulate/compare.ts');
      const { parseFaults } = await import('../../scaling/simulate/parse-fault.ts');
      const { parsePolicy } = await import('../../scaling/policy-file.ts');
      const { scenarioOf } = await import('../../scaling/simulate/simulate.ts');
      const { heavyWork } = await import('../../scaling/simulate/trace.ts');
      const policy = parsePolicy(
        options.policy === undefined ? '' : await readText(io, options.policy, 'policy'),
        options.policy ?? 'the default policy',
      );
      const trace = await readTrace(io, options);
      const scenario = scenarioOf({
        trace,
        model: { ...heavyWork, workSecondsMean: options.work },
        bootSecondsMedian: options.boot,
        sloSeconds: policy.sloSeconds,
        countMax: policy.countMax,
        faults: parseFaults(options.fault, trace.startMs),
        seed: options.seed,
      });
      const comparison = await compare(scenario, policy);
      if (options.svg !== undefined) {
        const { drawDays } = await import('../../scaling/simulate/chart.ts');
        const path = resolve(io.cwd, options.svg);
        await writeFile(path, drawDays(comparison.days, scenario));
        io.tell(`The picture is in ${path}`);
      }
      const outcomes = comparison.days.map(({ outcome }) => outcome);
      if (options.json) {
        io.printJson({ trace: trace.name, seed: options.seed, bound: comparison.bound ?? null, outcomes });
        return;
      }
      io.print(`${trace.name}; boot ${options.boot} s, SLO ${policy.sloSeconds} s, seed ${options.seed}`);
      for (const line of tableOf(comparison, outcomes)) io.print(line);
    });
}

async function readTrace(io: CliIo, { trace, day, seed, unscheduled }: Options): Promise<Trace> {
  if (trace.length === 0) {
    const { saturday } = await import('../../scaling/simulate/saturday.ts');
    return saturday(seed, unscheduled);
  }
  const { traceOfFixtures } = await import('../../scaling/simulate/football-trace.ts');
  const files = await Promise.all(
    trace.map(async (name) => ({ name, text: await readText(io, name, 'trace') })),
  );
  return traceOfFixtures(files, { seed, unscheduledShare: unscheduled, day });
}

async function readText(io: CliIo, name: string, what: 'policy' | 'trace'): Promise<string> {
  try {
    return await readFile(resolve(io.cwd, name), 'utf8');
  } catch (cause) {
    throw new TouchlineError({
      code: `${what}.no-file`,
      message: `the ${what} ${name} could not be read (${(cause as Error).message}): --${what} takes the path of a file`,
      retryable: false,
      blame: 'caller',
      cause,
    });
  }
}

const columns: readonly { head: string; value: (outcome: Outcome, bound: Comparison['bound']) => string }[] =
  [
    { head: 'GPU-hours', value: ({ gpuHours }) => gpuHours.toFixed(1) },
    {
      head: 'x bound',
      value: ({ gpuHours }, bound) => (bound ? (gpuHours / bound.gpuHours).toFixed(2) : '-'),
    },
    { head: '$', value: ({ dollars }) => dollars.toFixed(2) },
    { head: 'late', value: ({ missedShare }) => `${(100 * missedShare).toFixed(3)} %` },
    { head: 'p50 s', value: ({ waitSecondsP50 }) => waitSecondsP50.toFixed(1) },
    { head: 'p95 s', value: ({ waitSecondsP95 }) => waitSecondsP95.toFixed(1) },
    { head: 'p99 s', value: ({ waitSecondsP99 }) => waitSecondsP99.toFixed(1) },
    { head: 'actions/h', value: ({ actionsPerHour }) => actionsPerHour.toFixed(1) },
    { head: 'killed', value: ({ killedInFlightCount }) => String(killedInFlightCount) },
    { head: 'fairness', value: ({ fairness }) => fairness.toFixed(3) },
  ];

function tableOf({ bound }: Comparison, outcomes: readonly Outcome[]): string[] {
  const nameWidth = 22;
  const cellWidth = 11;
  const row = (name: string, cells: readonly string[]): string =>
    name.padEnd(nameWidth) + cells.map((cell) => cell.padStart(cellWidth)).join('');
  return [
    row(
      '',
      columns.map(({ head }) => head),
    ),
    ...(bound
      ? [row('clairvoyant bound', [bound.gpuHours.toFixed(1), '1.00', bound.dollars.toFixed(2), '0'])]
      : []),
    ...outcomes.map((outcome) =>
      row(
        outcome.name,
        columns.map(({ value }) => value(outcome, bound)),
      ),
    ),
    'late: share of segments done later than the SLO after they came, or not at all; p50 to p99: from a segment in the store to its findings',
  ];
}

function all(value: string, before: string[]): string[] {
  return [...before, value];
}

function wholeNumber(text: string): number {
  const value = number('a whole number', 0, 2 ** 31)(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It takes a whole number.');
  return value;
}

function number(what: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high))
      throw new InvalidArgumentError(`It takes ${what} from ${low} to ${high}.`);
    return value;
  };
}
