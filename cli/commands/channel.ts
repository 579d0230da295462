import type { Command } from 'commander';

import type { ChannelView } from '../../control/match-desk.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';

interface Made {
  id: string;
  name: string;
  ingest: { rtmp: string; key: string };
}
type Shown = ChannelView & { ingest: { rtmp: string }; health: { advice: string[] } | null };
type Options = { json?: true };

/** `touchline channel ...`: the channels of the running server, or of this home when none runs. */
export function register(program: Command, io: CliIo): void {
  const channel = program
    .command('channel')
    .description('Create, list, start and stop channels, and issue their keys');

  channel
    .command('create <name>')
    .description('Make a channel; its key is shown this once')
    .option('--sport <sport>', 'soccer, basketball, tennis, cricket or generic')
    .option('--json', 'print { id, name, ingest: { rtmp, key } }')
    .action(async (name: string, options: Options & { sport?: string }) => {
      const wish = { name, ...(options.sport === undefined ? {} : { sport: options.sport }) };
      const made = await withServer(io, async (api) => await api.post<Made>('/channels', wish));
      showKey(io, made, options);
    });

  channel
    .command('list')
    .description('Show all channels')
    .option('--json', 'print { channels: [...] }')
    .action(async (options: Options) => {
      const { channels } = await withServer(
        io,
        async (api) => await api.get<{ channels: Shown[] }>('/channels'),
      );
      if (options.json) io.printJson({ channels });
      else if (channels.length === 0)
        io.tell('There is no channel yet. Make one: touchline channel create NAME');
      else for (const channel of channels) showChannel(io, channel);
    });

  channel
    .command('key <name>')
    .description(
      'Issue a second key, so that the old one can be revoked when the encoder has moved; or revoke one',
    )
    .option('--revoke <key id>', 'take this key back')
    .option('--json', 'print { id, name, ingest: { rtmp, key } }')
    .action(async (name: string, options: Options & { revoke?: string }) => {
      const path = `/channels/${encodeURIComponent(name)}/keys`;
      if (options.revoke !== undefined) {
        const keyId = encodeURIComponent(options.revoke);
        await withServer(io, async (api) => await api.delete(`${path}/${keyId}`));
        if (options.json) io.printJson({ revoked: options.revoke });
        else io.tell(`Key ${options.revoke} opens nothing any more.`);
        return;
      }
      showKey(io, await withServer(io, async (api) => await api.post<Made>(path)), options);
    });

  for (const [verb, what] of [
    ['start', 'Accept a publisher again'],
    ['stop', 'End the run and refuse publishers'],
  ] as const) {
    channel
      .command(`${verb} <name>`)
      .description(what)
      .option('--json', 'print the channel')
      .action(async (name: string, options: Options) => {
        const path = `/channels/${encodeURIComponent(name)}/${verb}`;
        const channel = await withServer(io, async (api) => await api.post<Shown>(path));
        if (options.json) io.printJson(channel);
        else showChannel(io, channel);
      });
  }
}

async function withServer<T>(io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const { withServer } = await import('../with-server.ts');
  return await withServer(io, use);
}

function showKey(io: CliIo, made: Made, { json }: Options): void {
  const { id, name, ingest } = made;
  if (json) {
    io.printJson({ id, name, ingest });
    return;
  }
  io.print(`${name}  ${id}`);
  io.print(`  server      ${ingest.rtmp.replace(/\/[^/]*$/, '')}`);
  io.print(`  stream key  ${ingest.key}`);
  io.print(`  ffmpeg      ffmpeg -re -i MATCH.mp4 -c copy -f flv ${ingest.rtmp}`);
  io.tell('The key is shown this once.');
}

function showChannel(io: CliIo, channel: Shown): void {
  io.print(`${channel.name.padEnd(24)} ${channel.state.padEnd(10)} ${channel.id}`);
  if (channel.stateReason !== null) io.print(`  ${channel.stateReason}`);
  for (const line of channel.health?.advice ?? []) io.print(`  ${line}`);
  for (const key of channel.keys) io.print(`  key ${key.id}`);
}
