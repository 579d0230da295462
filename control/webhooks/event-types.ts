import type { DeskEvent, DeskEventKind } from '../match-desk.ts';

/** What a webhook can be told of. The console lists them too: nothing but data and types in here. */
export const webhookEventTypes = [
  'moment.created',
  'moment.decided',
  'clip.ready',
  'clip.edited',
  'clip.failed',
  'channel.live',
  'channel.degraded',
  'channel.offline',
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

interface Told {
  type: WebhookEventType;
  data: Record<string, unknown>;
}

/** What the world is told of each kind of house event; of the others nothing. Whoever did something is not named. */
const tellers: Partial<Record<DeskEventKind, (event: DeskEvent) => Told | undefined>> = {
  'moment.found': ({ subjectId: momentId, data: { clipId, label, score } }) => ({
    type: 'moment.created',
    data: { momentId, clipId, label, score },
  }),
  'moment.decided': ({ subjectId: momentId, data: { decision, before } }) => ({
    type: 'moment.decided',
    data: { momentId, decision, before },
  }),
  'clip.visible': ({ subjectId: clipId, data: { momentId, revision, proven, presets } }) => ({
    type: 'clip.ready',
    data: { clipId, momentId, revision, proven, presets },
  }),
  'clip.edited': ({ subjectId: clipId, data: { momentId, version } }) => ({
    type: 'clip.edited',
    data: { clipId, momentId, editVersion: version },
  }),
  'clip.failed': ({ subjectId: clipId, data: { stage, reason } }) => ({
    type: 'clip.failed',
    data: { clipId, stage, reason },
  }),
  'channel.changed': ({ data: { from, to, reason } }) => {
    const type = channelTypeOf(from, to);
    return type && { type, data: { state: to, ...(reason === undefined ? {} : { reason }) } };
  },
};

/** Of the house's events, those that may become one for the world. */
export const sourceKinds = Object.keys(tellers) as DeskEventKind[];

/** The payload: ids, a few words, and where to ask for the rest. `version` counts up when a field changes its meaning or goes. */
export function bodyOf(event: DeskEvent): { type: WebhookEventType; body: string } | undefined {
  const told = tellers[event.kind]?.(event);
  if (!told) return undefined;
  const { channelId, runId } = event;
  const data = { version: 1, eventId: event.id, channelId, runId, ...told.data, api: apiPathOf(event) };
  const timestamp = new Date(event.atMs).toISOString();
  return { type: told.type, body: JSON.stringify({ type: told.type, timestamp, data }) };
}

/** A path: under which name the receiver reaches this server, the receiver knows. */
function apiPathOf({ kind, subjectId, channelId }: DeskEvent): string {
  if (kind.startsWith('moment.')) return `/api/v1/moments/${subjectId}`;
  if (kind.startsWith('clip.')) return `/api/v1/clips/${subjectId}`;
  return `/api/v1/channels/${channelId}`;
}

function channelTypeOf(from: unknown, to: unknown): WebhookEventType | undefined {
  if (to === 'live') return 'channel.live';
  if (to === 'degraded') return 'channel.degraded';
  // A channel that never had a feed does not go offline; one that fails to start does, for whoever waits for it.
  if (from === 'live' || from === 'degraded' || to === 'failed') return 'channel.offline';
  return undefined;
}
