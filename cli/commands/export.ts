import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';

import { Option, type Command } from 'commander';

import type { ChannelView, ClipView } from '../../control/match-desk.ts';
import { clipFileName } from '../../core/clip.ts';
import { TouchlineError } from '../../core/errors.ts';
import { exportFormats, type ExportFormat } from '../../core/export-timeline.ts';
import { allPages } from '../all-pages.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';

interface Options {
  approved?: true;
  channel?: string;
  format?: ExportFormat;
  out?: string;
  title?: string;
  media?: true;
  json?: true;
}

/** `touchline export`: clips for the cutting room, with their media when that is asked for. */
export function register(program: Command, io: CliIo): void {
  program
    .command('export [clip...]')
    .description(
      'Write a timeline of clips for an editing program: those named, in that order, or all that are approved',
    )
    .option('--approved', 'all approved clips, the earliest first')
    .option('--channel <name>', 'of this channel alone (with --approved)')
    .addOption(new Option('--format <name>', 'told by the ending of --out otherwise').choices(exportFormats))
    .option(
      '--out <file>',
      'where to; a file named by the server in this folder unless told otherwise, - is stdout',
    )
    .option('--title <text>', 'of the timeline')
    .option('--media', 'fetch the clips too, beside it, where the timeline looks for them')
    .option('--json', 'print { file, format, clipIds, media }')
    .action(async (named: string[], options: Options) => {
      const format = formatOf(options);
      const { withServer } = await import('../with-server.ts');
      await withServer(io, async (api) => {
        const clipIds = options.approved ? await approvedIds(api, options.channel) : named;
        if (clipIds.length === 0)
          throw wrong(options.approved ? 'no clip is approved yet' : 'name a clip, or say --approved');
        const { name, text } = await api.file('/exports', { format, clipIds, title: options.title });
        if (options.out === '-') {
          io.print(text);
          return;
        }
        const file = resolve(io.cwd, options.out ?? name);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
        const media = options.media ? await fetchAll(api, clipIds, dirname(file), io) : [];
        if (options.json) io.printJson({ file, format, clipIds, media });
        else io.print(file);
      });
    });
}

function formatOf({ format, out = '' }: Options): ExportFormat {
  const ending = extname(out).slice(1);
  const found = format ?? exportFormats.find((one) => one === ending);
  if (found) return found;
  throw wrong(`say --format ${exportFormats.join(', ')}, or end --out with one of them`);
}

/** The earliest first, as an evening is told. */
async function approvedIds(api: ApiClient, channel: string | undefined): Promise<string[]> {
  const filter = new URLSearchParams();
  if (channel !== undefined)
    filter.set('channelId', (await api.get<ChannelView>(`/channels/${encodeURIComponent(channel)}`)).id);
  const path = `/clips?${filter.toString()}`;
  const clips = await allPages<ClipView>(api, { path, name: 'clips', limit: Infinity });
  const approved = clips.filter(({ decision }) => decision === 'approved');
  return approved.toSorted((one, other) => one.startWallMs - other.startWallMs).map(({ id }) => id);
}

/** One after the other; what is whole gets its name, so that an interrupted copy is never taken for a clip. */
async function fetchAll(
  api: ApiClient,
  clipIds: readonly string[],
  folder: string,
  io: CliIo,
): Promise<string[]> {
  const files: string[] = [];
  for (const [index, id] of clipIds.entries()) {
    io.progress(`fetching ${index + 1} of ${clipIds.length} ...`);
    const clip = await api.get<ClipView>(`/clips/${id}`);
    const wide = clip.renditions.find(({ preset }) => preset === 'wide');
    if (!wide) throw wrong(`clip ${id} has no file`);
    const file = join(folder, clipFileName(wide.key));
    const unfinished = `${file}.part`;
    try {
      const bytes = await api.media(`/media/${wide.key}`, io.signal);
      await pipeline(Readable.fromWeb(bytes as ReadableStream), createWriteStream(unfinished));
      await rename(unfinished, file);
    } finally {
      await rm(unfinished, { force: true });
    }
    files.push(file);
  }
  io.progress('');
  return files;
}

function wrong(message: string): TouchlineError {
  return new TouchlineError({ code: 'export.invalid', message, retryable: false, blame: 'caller' });
}
