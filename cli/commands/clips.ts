import type { Command } from 'commander';

import type { ChannelView, ClipView } from '../../control/match-desk.ts';
import { allPages } from '../all-pages.ts';
import type { CliIo } from '../cli-io.ts';
import { wholeNumber } from '../number-options.ts';

/** Two seasons of a busy club. */
const clipsMax = 10_000;

/** `touchline clips`: what was cut, newest first, and where it lies. */
export function register(program: Command, io: CliIo): void {
  program
    .command('clips')
    .description('List clips, newest first')
    .option('--channel <name>', 'of this channel alone')
    .option('--limit <count>', `at most so many, 1 to ${clipsMax}`, wholeNumber(1, clipsMax), 50)
    .option('--json', 'print { clips: [...] }')
    .action(async (options: { channel?: string; limit: number; json?: true }) => {
      const { withServer } = await import('../with-server.ts');
      const clips = await withServer(io, async (api) => {
        const query = new URLSearchParams();
        if (options.channel !== undefined) {
          const path = `/channels/${encodeURIComponent(options.channel)}`;
          query.set('channelId', (await api.get<ChannelView>(path)).id);
        }
        const path = `/clips?${query.toString()}`;
        return await allPages<ClipView>(api, { path, name: 'clips', limit: options.limit });
      });
      if (options.json) io.printJson({ clips });
      else if (clips.length === 0) io.tell('There are no clips yet.');
      else for (const clip of clips) showClip(io, clip);
    });
}

function showClip(io: CliIo, clip: ClipView): void {
  const wide = clip.renditions.find(({ preset }) => preset === 'wide');
  const seconds = (clip.durationMs / 1000).toFixed(1);
  const when = new Date(clip.startWallMs).toISOString().replace('T', ' ').slice(0, 19);
  const proven = clip.proven ? 'proven' : 'not proven';
  io.print(
    `${clip.id}  ${clip.label.padEnd(12)} ${clip.score.toFixed(2)}  ${seconds.padStart(5)} s  ${when}  ${clip.revision}, ${proven}, ${clip.decision}`,
  );
  if (wide) io.print(`  ${wide.path ?? wide.key}`);
}
