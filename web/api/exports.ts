import type { Context } from 'hono';
import { z } from 'zod';

import type { ExportDesk } from '../../control/export-desk.ts';
import { exportFormats, type ExportFormat, type WriteExport } from '../../core/export-timeline.ts';
import { publicOrigin } from '../public-origin.ts';
import { ApiRoutes } from './api-route.ts';
import { id } from './parse.ts';

/** What stays in one piece in an editing program. */
const clipCountMax = 500;

interface ExportOptions {
  exports: Pick<ExportDesk, 'collect'>;
  writeExport: WriteExport;
}

/** Clips for the cutting room, as OpenTimelineIO, CMX 3600 EDL, FCPXML or CSV. */
export function exportRoutes(options: ExportOptions): ApiRoutes {
  return new ApiRoutes('exports').add(
    {
      method: 'post',
      path: '/',
      scope: 'read',
      summary: 'A timeline of clips in the order in which they are named, as a file',
      body: z.strictObject({
        format,
        clipIds: z.array(id).min(1).max(clipCountMax),
        title: z.string().trim().min(1).max(200).optional(),
      }),
      file: 'application/octet-stream',
    },
    async ({ context, body }) => await answer(options, context, body),
  );
}

/** One clip by its own address: a link, where a selection needs a form. */
export function clipExportRoutes(options: ExportOptions): ApiRoutes {
  return new ApiRoutes('exports').add(
    {
      method: 'get',
      path: '/{id}/export',
      scope: 'read',
      summary: 'One clip as a timeline, as a file',
      params: z.object({ id }),
      query: z.strictObject({ format }),
      file: 'application/octet-stream',
    },
    async ({ context, params, query }) =>
      await answer(options, context, { format: query.format, clipIds: [params.id] }),
  );
}

const format = z.enum(exportFormats);

async function answer(
  { exports, writeExport }: ExportOptions,
  context: Context,
  wish: { format: ExportFormat; clipIds: readonly string[]; title?: string | undefined },
): Promise<Response> {
  const origin = publicOrigin(context);
  const clips = await exports.collect(wish.clipIds);
  const [first] = clips;
  const title = wish.title ?? (clips.length === 1 && first ? first.title || first.label : 'Touchline clips');
  const file = writeExport(wish.format, {
    title,
    clips: clips.map((clip) => ({ ...clip, url: `${origin}/api/v1/clips/${clip.clipId}/video` })),
  });
  return context.body(file.text, 200, {
    'content-type': file.contentType,
    'content-disposition': `attachment; filename="${file.fileName}"`,
    'cache-control': 'no-store',
  });
}
