import type { Readable } from 'node:stream';

import { Option, type Command } from 'commander';

import type { ChannelView, Decision, MomentView } from '../../control/match-desk.ts';
import { allPages } from '../all-pages.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';
import { idsMax, idsOf } from '../ids-of.ts';
import { unitNumber, wholeNumber } from '../number-options.ts';

interface Filter {
  channel?: string;
  run?: string;
  decision?: Decision;
  minScore?: number;
  limit: number;
}

interface Decided {
  id: string;
  before: Decision;
}

const decisions: readonly Decision[] = ['undecided', 'approved', 'rejected'];
/** As many as the API decides at once: those of one request are all decided, or none. */
const decidedAtOnceMax = 500;

/** `touchline moments ...`: what was found, and the editor's word on it. */
export function register(program: Command, io: CliIo, stdin: () => Readable = () => process.stdin): void {
  const moments = program.command('moments').description('What was found, and what is decided of it');

  moments
    .command('list')
    .description('List moments, newest first; the first word of a line is the id')
    .option('--channel <name>', 'of this channel alone')
    .option('--run <id>', 'of this run alone')
    .addOption(new Option('--decision <word>', 'of which this was said alone').choices(decisions))
    .option('--min-score <score>', 'of at least this score alone, 0 to 1', unitNumber)
    .option('--limit <count>', `at most so many, 1 to ${idsMax}`, wholeNumber(1, idsMax), 50)
    .option('--json', 'print { moments: [...] }')
    .action(async ({ json, ...filter }: Filter & { json?: true }) => {
      const { withServer } = await import('../with-server.ts');
      const found = await withServer(io, async (api) => await list(api, filter));
      if (json) io.printJson({ moments: found });
      else if (found.length === 0) io.tell('There are no such moments.');
      else for (const moment of found) io.print(lineOf(moment));
    });

  moments
    .command('show <id...>')
    .description('Show moments with their reasons and clips, in that order (- takes the ids from stdin)')
    .option('--json', 'print { moments: [...] }')
    .action(async (words: string[], { json }: { json?: true }) => {
      const ids = await idsOf(words, { stdin, signal: io.signal });
      const { withServer } = await import('../with-server.ts');
      const shown = await withServer(io, async (api) => {
        const all: MomentView[] = [];
        for (const id of ids) all.push(await api.get<MomentView>(`/moments/${encodeURIComponent(id)}`));
        return all;
      });
      if (json) io.printJson({ moments: shown });
      else for (const moment of shown) show(io, moment);
    });

  for (const [verb, decision, description] of [
    ['approve', 'approved', 'Say that moments are worth showing'],
    ['reject', 'rejected', 'Say that moments are not worth showing'],
    ['undecide', 'undecided', 'Take back what was said of moments'],
  ] as const) {
    moments
      .command(`${verb} <id...>`)
      .description(`${description} (- takes the ids from stdin)`)
      .option('--json', 'print { decision, moments: [{ id, before }] }')
      .action(async (words: string[], { json }: { json?: true }) => {
        const ids = await idsOf(words, { stdin, signal: io.signal });
        const { withServer } = await import('../with-server.ts');
        const decided = await withServer(io, async (api) => await decide(api, { ids, decision, io }));
        if (json) io.printJson({ decision, moments: decided });
        else if (decided.length === 0) io.tell('No ids came in: nothing is decided.');
        else for (const { id, before } of decided) io.print(decidedLine({ id, before, decision }));
      });
  }
}

/** Channel and run are looked up first: one that is none is said to be, and not taken for an empty one. */
async function list(
  api: ApiClient,
  { channel, run, decision, minScore, limit }: Filter,
): Promise<MomentView[]> {
  const query = new URLSearchParams();
  if (channel !== undefined)
    query.set('channelId', (await api.get<ChannelView>(`/channels/${encodeURIComponent(channel)}`)).id);
  if (run !== undefined)
    query.set('runId', (await api.get<{ id: string }>(`/runs/${encodeURIComponent(run)}`)).id);
  if (decision !== undefined) query.set('decision', decision);
  if (minScore !== undefined) query.set('minScore', String(minScore));
  return await allPages<MomentView>(api, { path: `/moments?${query.toString()}`, name: 'moments', limit });
}

/** In the order in which they were named. */
async function decide(
  api: ApiClient,
  { ids, decision, io }: { ids: readonly string[]; decision: Decision; io: Pick<CliIo, 'tell'> },
): Promise<Decided[]> {
  const decided = new Map<string, Decided>();
  for (let from = 0; from < ids.length; from += decidedAtOnceMax) {
    const some = ids.slice(from, from + decidedAtOnceMax);
    try {
      const { moments } = await api.post<{ moments: Decided[] }>('/moments/decisions', {
        ids: some,
        decision,
      });
      for (const one of moments) decided.set(one.id, one);
    } catch (thrown) {
      if (from > 0)
        io.tell(`The first ${from} of ${ids.length} are ${decision}; nothing is decided of the others.`);
      throw thrown;
    }
  }
  return ids.flatMap((id) => decided.get(id) ?? []);
}

function lineOf(moment: MomentView): string {
  const { id, channelName, label, score, inMs, outMs, peakWallMs, decision, state } = moment;
  const when = new Date(peakWallMs).toISOString().replace('T', ' ').slice(0, 19);
  const seconds = ((outMs - inMs) / 1000).toFixed(1).padStart(5);
  return `${id}  ${when}  ${channelName}  ${label.padEnd(12)} ${score.toFixed(2)}  ${seconds} s  ${decision}, ${state}`;
}

function show(io: CliIo, moment: MomentView): void {
  io.print(lineOf(moment));
  for (const { contribution, text } of moment.reasons)
    io.print(`${`${Math.round(contribution * 100)} %`.padStart(7)}  ${text}`);
  if (moment.stateReason !== null) io.print(`  ${moment.stateReason}`);
  const { clip } = moment;
  if (!clip) return;
  const wide = clip.renditions.find(({ preset }) => preset === 'wide');
  const where = wide ? `  ${wide.path ?? wide.key}` : '';
  io.print(`  clip ${clip.id}  ${clip.revision}, ${clip.proven ? 'proven' : 'not proven'}${where}`);
}

function decidedLine({ id, before, decision }: Decided & { decision: Decision }): string {
  return `${id}  ${decision}${before === decision ? ', as before' : `, was ${before}`}`;
}
