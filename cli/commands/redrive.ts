import type { Command } from 'commander';

import type { RunView, SegmentView } from '../../control/match-desk.ts';
import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import { allPages } from '../all-pages.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';

interface Selection {
  run?: string;
  all?: true;
}
type Dead = Pick<SegmentView, 'id' | 'runId' | 'seq' | 'deadReason'>;
/** `failure`: why it was not sent. */
type Redriven = Dead & { failure: TouchlineError | undefined };

/**
 * `touchline redrive`: another chance for what is dead. The queue's own dead-letter queue is not where it is taken from: the desk
 * empties that into the ledger, and from there a job goes out anew, by whatever engine works now.
 */
export function register(program: Command, io: CliIo): void {
  program
    .command('redrive')
    .description('Send dead segments through again: by their ids, those of a run, or all')
    .argument('[segment...]', 'ids of segments')
    .option('--run <id>', 'all that are dead in this run')
    .option('--all', 'all that are dead, in whatever run')
    .option('--dry-run', 'only say what is dead, and why')
    .option('--json', 'print { segments: [{ id, runId, seq, deadReason, failure }] }')
    .action(async (ids: string[], options: Selection & { dryRun?: true; json?: true }) => {
      const isDryRun = options.dryRun === true;
      requireSelection(ids, options);
      const { withServer } = await import('../with-server.ts');
      const segments = await withServer(io, async (api) => {
        const redriven: Redriven[] = [];
        for await (const dead of ids.length > 0 ? named(ids) : deadOf(api, options)) {
          const failure = isDryRun ? undefined : await retry(api, dead.id);
          redriven.push({ ...dead, failure });
        }
        return redriven;
      });
      if (options.json)
        io.printJson({ segments: segments.map((one) => ({ ...one, failure: one.failure?.message })) });
      else if (segments.length === 0) io.tell('Nothing is dead.');
      else for (const segment of segments) show(io, segment, isDryRun);
      const failures = segments.flatMap(({ failure }) => failure ?? []);
      if (ids.length > 0 && failures.length > 0) {
        const { exitCodes } = await import('../exit-codes.ts');
        process.exitCode = failures.some(isUnknown) ? exitCodes.notFound : exitCodes.conflict;
      }
    });
}

function requireSelection(ids: readonly string[], { run, all }: Selection): void {
  const given = [ids.length > 0, run !== undefined, all === true].filter(Boolean).length;
  if (given === 1) return;
  throw new TouchlineError({
    code: 'redrive.invalid',
    message: `say which segments: their ids, --run ID or --all, one of the three (got ${given}); --all --dry-run lists what is dead`,
    retryable: false,
    blame: 'caller',
  });
}

async function* named(ids: readonly string[]): AsyncGenerator<Dead> {
  for (const id of new Set(ids)) yield { id, runId: '', seq: -1, deadReason: null };
}

/** Read run by run and page by page: what dies again meanwhile lies behind the page, and is not sent a second time. */
async function* deadOf(api: ApiClient, { run }: Selection): AsyncGenerator<Dead> {
  const runs =
    run === undefined
      ? await allPages<RunView>(api, { path: '/runs', name: 'runs', limit: Infinity })
      : [await api.get<RunView>(`/runs/${encodeURIComponent(run)}`)];
  for (const { id: runId } of runs.filter((one) => one.segments.dead > 0)) {
    let afterSeq = -1;
    for (;;) {
      const query = `afterSeq=${afterSeq}&limit=${pageMax}`;
      const { segments } = await api.get<{ segments: SegmentView[] }>(`/runs/${runId}/segments?${query}`);
      for (const { id, seq, state, deadReason } of segments) {
        if (state === 'dead') yield { id, runId, seq, deadReason };
      }
      const last = segments.at(-1);
      if (!last) break;
      afterSeq = last.seq;
    }
  }
}

/** The server gives no more at once. */
const pageMax = 1000;

/** Why it was not sent; undefined when it goes through again. */
async function retry(api: ApiClient, id: string): Promise<TouchlineError | undefined> {
  try {
    await api.post(`/segments/${encodeURIComponent(id)}/retry`);
    return undefined;
  } catch (thrown) {
    const error = asTouchlineError(thrown);
    // One that has no place, or that somebody else was quicker with, keeps none of the others.
    if (error.code.startsWith('segment.')) return error;
    throw thrown;
  }
}

function show(io: CliIo, segment: Redriven, isDryRun: boolean): void {
  const { id, runId, seq, deadReason, failure } = segment;
  const which = runId === '' ? id : `${id} (${runId}, number ${seq}): ${deadReason ?? 'no reason was kept'}`;
  if (failure && isUnknown(failure)) io.print(`unknown: ${failure.message}`);
  else if (failure) io.print(`stays dead: ${which}${runId === '' ? `: ${failure.message}` : ''}`);
  else io.print(`${isDryRun ? 'dead' : 'sent again'}: ${which}`);
}

function isUnknown({ code }: TouchlineError): boolean {
  return code === 'segment.not-found';
}
