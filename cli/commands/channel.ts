import type { Command } from 'commander';

import type { ChannelView } from '../../control/match-desk.ts';
import type { ApiClient } from '../api-client.ts';
import { inputOf, inputTypes, type InputOptions } from '../channel-input.ts';
import type { CliIo } from '../cli-io.ts';

interface Made {
  id: string;
  name: string;
  driver?: string;
  endpoints?: { label: string; url: string }[];
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
    .option('--driver <driver>', 'who captures it: local (the default) or medialive')
    .option('--input <type>', `how the feed comes to MediaLive: ${inputTypes.join(', ')}`)
    .option('--allow <range...>', 'who may push, as 203.0.113.7/32')
    .option('--url <address...>', 'what is pulled or played: one, or two for two pipelines')
    .option('--caller <host:port...>', 'the SRT listener that MediaLive calls: one, or two')
    .option('--flow <arn...>', 'the MediaConnect flow: one, or two')
    .option('--standard', 'two pipelines for what is pushed')
    .option('--latency <ms>', 'of SRT, 120 to 15000; 2000 unless told otherwise')
    .option('--stream-id <id>', 'of SRT')
    .option('--passphrase <arn>', 'of the secret with the SRT passphrase; without it one is made')
    .option('--json', 'print { id, name, driver, endpoints, ingest: { rtmp, key } }')
    .action(async (name: string, options: Options & InputOptions & { sport?: string; driver?: string }) => {
      const input = inputOf(options);
      const wish = {
        name,
        ...(options.sport === undefined ? {} : { sport: options.sport }),
        ...(options.driver === undefined ? {} : { driver: options.driver }),
        ...(input === undefined ? {} : { input }),
      };
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

  channel
    .command('delete <name>')
    .description('Stop it and take it away; its runs and clips stay')
    .option('--json', 'print { deleted }')
    .action(async (name: string, options: Options) => {
      await withServer(io, async (api) => await api.delete(`/channels/${encodeURIComponent(name)}`));
      if (options.json) io.printJson({ deleted: name });
      else io.tell(`Channel ${name} is gone.`);
    });
}

async function withServer<T>(io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const { withServer } = await import('../with-server.ts');
  return await withServer(io, use);
}

function showKey(io: CliIo, made: Made, { json }: Options): void {
  const { id, name, ingest, driver = 'local', endpoints = [] } = made;
  if (json) {
    io.printJson({ id, name, driver, endpoints, ingest });
    return;
  }
  io.print(`${name}  ${id}`);
  if (driver !== 'local') {
    io.print(`  driver      ${driver}`);
    for (const { label, url } of endpoints) io.print(`  ${label}  ${url}`);
    if (endpoints.length === 0)
      io.tell('Where to push to stands in `touchline channel list` within a minute.');
    return;
  }
  io.print(`  server      ${ingest.rtmp.replace(/\/[^/]*$/, '')}`);
  io.print(`  stream key  ${ingest.key}`);
  io.print(`  ffmpeg      ffmpeg -re -i MATCH.mp4 -c copy -f flv ${ingest.rtmp}`);
  io.tell('The key is shown this once.');
}

function showChannel(io: CliIo, channel: Shown): void {
  io.print(`${channel.name.padEnd(24)} ${channel.state.padEnd(10)} ${channel.id}`);
  for (const { label, url } of channel.endpoints) io.print(`  ${label} ${url}`);
  if (channel.stateReason !== null) io.print(`  ${channel.stateReason}`);
  for (const line of channel.health?.advice ?? []) io.print(`  ${line}`);
  for (const { id, issuedBy } of channel.keys) {
    io.print(`  key ${id}${issuedBy === null ? '' : `  issued by ${issuedBy.name}`}`);
  }
}
