import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { sql } from 'kysely';

import type { Catalogue } from '../../store/catalogue.ts';

/** A minute of 720p25 at 4 Mb/s in which the crowd roars once: what a club's stream looks like to a browser. */
export function writeMatch720(path: string): void {
  const input = [
    ...'-v error -y -f lavfi -i testsrc2=size=1280x720:rate=25:duration=60'.split(' '),
    ...'-f lavfi -i anoisesrc=color=pink:amplitude=0.03:duration=60:seed=1'.split(' '),
    ...'-f lavfi -i anoisesrc=color=pink:amplitude=0.6:duration=60:seed=2'.split(' '),
  ];
  const roar =
    "[2:a]volume='between(t,30,34)':eval=frame[roar];[1:a][roar]amix=inputs=2:normalize=0,apad=pad_dur=1[a]";
  const output =
    '-map 0:v -map [a] -shortest -c:v libx264 -preset ultrafast -b:v 4M -maxrate 4M -bufsize 4M -g 50 -c:a aac';
  execFileSync('ffmpeg', [...input, '-filter_complex', roar, ...output.split(' '), path]);
}

/**
 * Makes `count` moments out of the one that is there, each with a clip of its own address: rows are copied, and the files have
 * further names, so that no browser has a clip before it asked for it.
 */
export async function multiplyClip(
  { db }: Catalogue,
  options: { storeFolder: string; count: number },
): Promise<void> {
  const { rows } = await sql<{ clip_id: string; keys: string[] }>`
    select moments.clip_id, (select jsonb_agg(one->>'key') from jsonb_array_elements(clips.sidecar->'renditions') one) as keys
    from moments join clips on clips.moment_id = moments.id order by moments.ordinal limit 1`.execute(db);
  const base = rows[0];
  if (!base) throw new Error('there is no clip to copy');
  for (let nth = 1; nth < options.count; nth += 1) {
    for (const key of base.keys) {
      const copy = join(options.storeFolder, key.replaceAll(base.clip_id, `${base.clip_id}-${nth}`));
      mkdirSync(dirname(copy), { recursive: true });
      linkSync(join(options.storeFolder, key), copy);
    }
  }
  await sql`insert into moments (id, channel_id, run_id, clip_id, label, peak_ms, in_ms, out_ms, score, reasons, revision, state,
      decision, found_at_ms, peak_wall_ms)
    select id || '-' || n, channel_id, run_id, clip_id || '-' || n, label, peak_ms, in_ms, out_ms, 0.2 + 0.75 * (n % 100) / 100, reasons,
      revision, state, 'undecided', found_at_ms, peak_wall_ms - n * 1000
    from moments, generate_series(1, ${options.count - 1}::int) n where clip_id = ${base.clip_id}`.execute(
    db,
  );
  await sql`insert into clips (id, moment_id, channel_id, run_id, revision, made, proven, sidecar, job_id, first_visible_at_ms,
      exact_visible_at_ms, visible_at_ms)
    select id || '-' || n, moment_id || '-' || n, channel_id, run_id, revision, made, proven,
      replace(sidecar::text, id, id || '-' || n)::jsonb, job_id, first_visible_at_ms, exact_visible_at_ms, visible_at_ms
    from clips, generate_series(1, ${options.count - 1}::int) n where id = ${base.clip_id}`.execute(db);
  await sql`analyze moments, clips`.execute(db);
}
