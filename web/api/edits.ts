import type { Context } from 'hono';
import { z } from 'zod';

import type { ContextView, EditDesk, EditView } from '../../control/edit-desk.ts';
import type { MatchDesk } from '../../control/match-desk.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { ticksFromMs } from '../../core/media-time.ts';
import { callerError } from '../problem.ts';
import type { WebEnv } from '../web-env.ts';
import { ApiRoutes } from './api-route.ts';
import {
  clipContext,
  clipEdit,
  clipLastWish,
  editWish,
  handMomentWish,
  type ClipContext,
  type ClipEdit,
  type RenditionState,
} from './schemas/edit.ts';

type Edits = Pick<
  EditDesk,
  'read' | 'save' | 'reset' | 'recut' | 'context' | 'newestContext' | 'make' | 'clipLast'
>;
interface Options {
  edits: Edits;
  desk: MatchDesk;
}

const byId = z.object({ id: z.string() });
const onVersion = z.object({
  'If-Match': z.string().meta({ description: 'The ETag of the version that the change is made on' }),
});
const made = z.object({ momentId: z.string(), clipId: z.string() });

/** Trimming and naming a clip. Every change names the version that it is made on. */
export function editRoutes({ edits, desk }: Options): ApiRoutes {
  const send = async (context: Context<WebEnv>, view: EditView): Promise<ClipEdit> => {
    context.header('etag', etagOf(view.moment.edit_version));
    context.header('cache-control', 'no-cache');
    return await viewOf(view, desk);
  };
  /** A conflict carries what is there now, so that nobody has to ask again to see it. */
  const sendConflict = async (
    context: Context<WebEnv>,
    clipId: string,
    thrown: unknown,
  ): Promise<Response> => {
    const error = asTouchlineError(thrown);
    if (error.code !== 'edit.conflict') throw thrown;
    const current = await send(context, await edits.read(clipId));
    const { code, message: detail, retryable } = error;
    const problem = {
      type: 'about:blank',
      title: 'Precondition failed',
      status: 412,
      code,
      detail,
      retryable,
    };
    return context.json({ ...problem, current }, 412, { 'content-type': 'application/problem+json' });
  };

  return new ApiRoutes('clips')
    .add(
      {
        method: 'get',
        path: '/{id}/edit',
        scope: 'read',
        summary: 'What is wanted of a clip, and how far its files are; the ETag is for If-Match',
        params: byId,
        answer: clipEdit,
        hasEtag: true,
      },
      async ({ context, params }) => await send(context, await edits.read(params.id)),
    )
    .add(
      {
        method: 'put',
        path: '/{id}/edit',
        scope: 'review',
        summary:
          'Save an edit on top of the version in If-Match; 412 with the current one when it is another',
        params: byId,
        headers: onVersion,
        body: editWish,
        answer: clipEdit,
        hasEtag: true,
      },
      async ({ context, params, body, principal }) => {
        const version = versionIn(context);
        try {
          return await send(context, await edits.save(params.id, body, { version, by: principal }));
        } catch (error) {
          return await sendConflict(context, params.id, error);
        }
      },
    )
    .add(
      {
        method: 'delete',
        path: '/{id}/edit',
        scope: 'review',
        summary: "Back to the model's own cut, as a new version",
        params: byId,
        headers: onVersion,
        answer: clipEdit,
        hasEtag: true,
      },
      async ({ context, params, principal }) => {
        const version = versionIn(context);
        try {
          return await send(context, await edits.reset(params.id, { version, by: principal }));
        } catch (error) {
          return await sendConflict(context, params.id, error);
        }
      },
    )
    .add(
      {
        method: 'post',
        path: '/{id}/recut',
        // It makes a version in the editor's name, and it is editors who miss the file; whoever may retry segments may review too.
        scope: 'review',
        summary: 'Another chance for a clip whose newest cut is dead; 409 when it is not',
        params: byId,
        answer: clipEdit,
      },
      async ({ context, params, principal }) => await send(context, await edits.recut(params.id, principal)),
    )
    .add(
      {
        method: 'post',
        path: '/{id}/context',
        scope: 'read',
        summary: 'The clip with a minute on each side, made if it is not there; ask again until it is ready',
        params: byId,
        answer: clipContext,
      },
      async ({ params }) => contextOf(await edits.context(params.id)),
    )
    .add(
      {
        method: 'get',
        path: '/{id}/context',
        scope: 'read',
        summary: 'How far the file is that was asked for last',
        params: byId,
        answer: clipContext,
      },
      async ({ params }) => {
        const newest = await edits.newestContext(params.id);
        if (!newest) throw callerError('context.not-found', 'nobody asked for it yet: POST first');
        return contextOf(newest);
      },
    );
}

/** Clips by hand, of a run or of what is live. */
export function handClipRoutes({ edits, desk }: Options): ApiRoutes {
  return new ApiRoutes('moments')
    .add(
      {
        method: 'post',
        path: '/runs/{id}/moments',
        scope: 'review',
        summary: 'A clip by hand',
        params: byId,
        body: handMomentWish,
        answer: made,
        status: 201,
      },
      async ({ params, body, principal }) => {
        const range = { in90k: ticksFromMs(body.inMs), out90k: ticksFromMs(body.outMs) };
        return await edits.make(params.id, { ...range, title: body.title }, principal);
      },
    )
    .add(
      {
        method: 'post',
        path: '/channels/{id}/clip-last',
        scope: 'review',
        summary: 'A clip of the last seconds of what is live',
        params: byId,
        body: clipLastWish,
        answer: made,
        status: 201,
      },
      async ({ params, body, principal }) => {
        const channel = await desk.getChannel(params.id);
        return await edits.clipLast(channel.id, body.seconds, principal);
      },
    );
}

function etagOf(version: number): string {
  return `"v${version}"`;
}

/** Of what is no ETag of ours there is no version: the answer to it is 412 with the current one. */
const noVersion = -1;

function versionIn(context: Context<WebEnv>): number {
  const given = context.req.header('if-match');
  const [, version = noVersion] = /^(?:W\/)?"v(\d{1,9})"$/.exec(given ?? '') ?? [];
  if (given !== undefined) return Number(version);
  throw callerError(
    'edit.unconditional',
    'a change names the version that it is made on: send If-Match with the ETag of GET /clips/{id}/edit',
  );
}

async function viewOf(view: EditView, desk: MatchDesk): Promise<ClipEdit> {
  const { moment } = view;
  const channel = (await desk.listChannels()).find(({ id }) => id === moment.channel_id);
  const { in90k, out90k, cropVertical, cropSquare, title, tags } = view.wanted;
  return {
    clipId: moment.clip_id,
    momentId: moment.id,
    channelId: moment.channel_id,
    channelName: channel?.name ?? moment.channel_id,
    runId: moment.run_id,
    label: moment.label,
    score: moment.score,
    decision: moment.decision,
    peak90k: ticksFromMs(moment.peak_ms),
    version: moment.edit_version,
    wanted: { in90k, out90k, cropVertical, cropSquare, title, tags },
    model: view.model,
    frameRate: view.sidecar?.frameRate ?? null,
    renditions: renditionsOf(view),
    deadWhy: view.deadWhy ?? null,
    history: view.history,
  };
}

const presetsOfEdit = ['wide', 'vertical', 'square', 'proxy', 'thumbnail', 'waveform'] as const;

/** Each file: there, there and stale, on its way, or failed. */
function renditionsOf({ moment, sidecar, cuts }: EditView): RenditionState[] {
  return presetsOfEdit.flatMap((preset): RenditionState[] => {
    const file = sidecar?.renditions.find((one) => one.preset === preset);
    const isCurrent = file !== undefined && (file.editVersion ?? 0) >= moment.cut_version;
    const stage = preset === 'wide' || preset === 'thumbnail' ? 'exact' : 'whole';
    const failed = cuts.find((cut) => cut.state === 'dead' && (cut.stage === stage || cut.stage === 'exact'));
    const isOver = cuts.some((cut) => cut.stage === stage && cut.state === 'done');
    // Of a clip without sound there is no waveform, and of one that nobody edited no square: nothing is on its way.
    if (!file && !failed && (isOver || moment.cut_version === 0)) return [];
    const state = isCurrent ? 'ready' : failed ? 'failed' : file ? 'stale' : 'making';
    const { bytes = 0, width = 0, height = 0 } = file ?? {};
    const why = state === 'failed' ? (failed?.why ?? null) : null;
    return [{ preset, state, why, url: file ? `/api/v1/media/${file.key}` : null, bytes, width, height }];
  });
}

function contextOf({ state, why, sidecar }: ContextView): ClipContext {
  const of = (preset: string) => sidecar?.renditions.find((one) => one.preset === preset);
  const wide = of('wide');
  return {
    state,
    why,
    url: urlOf(wide?.key),
    waveformUrl: urlOf(of('waveform')?.key),
    start90k: sidecar?.actual.in90k ?? 0,
    end90k: sidecar?.actual.out90k ?? 0,
    frameRate: sidecar?.frameRate ?? null,
    frameCount: sidecar?.frameCount ?? 0,
    width: wide?.width ?? 0,
    height: wide?.height ?? 0,
    gaps: sidecar?.gaps ?? [],
  };
}

function urlOf(key: string | undefined): string | null {
  return key === undefined ? null : `/api/v1/media/${key}`;
}
