import { runOfUrl, tagNames } from './channel-settings.ts';
import type { ListedChannel, ListedGroup, ListedInput, Listing } from './medialive-port.ts';

/** What AWS has of one channel of ours. */
export interface Observed {
  channels: ObservedChannel[];
  inputs: ObservedInput[];
  groups: ObservedGroup[];
}

interface Marks {
  generation: number;
  spec: string;
  /** When nobody renews it, it may be taken away from then on. 0 when the tag is missing. */
  expiresAtMs: number;
  /** For how long it has been seen in this state. */
  inStateMs: number;
}
export type ObservedChannel = ListedChannel & Marks & { runId: string | undefined };
export type ObservedInput = ListedInput & Marks;
export type ObservedGroup = ListedGroup & Marks;
export type ObservedThing = ObservedChannel | ObservedInput | ObservedGroup;

/** Remembers since when each thing has been in its state: AWS does not tell, and deadlines are on states. */
export class StateTimes {
  #since = new Map<string, { state: string; sinceMs: number }>();

  /** How long, for everything that is listed; what is not listed any more is forgotten. */
  note(listing: Listing, nowMs: number): ReadonlyMap<string, number> {
    const before = this.#since;
    this.#since = new Map();
    const inStateMs = new Map<string, number>();
    for (const { arn, state } of [...listing.channels, ...listing.inputs, ...listing.groups]) {
      const known = before.get(arn);
      const sinceMs = known?.state === state ? known.sinceMs : nowMs;
      this.#since.set(arn, { state, sinceMs });
      inStateMs.set(arn, nowMs - sinceMs);
    }
    return inStateMs;
  }
}

/**
 * What of a listing is ours, by channel. Ours is what carries both tags, of this environment and of a channel; whatever else
 * lives in the account is not seen from here on.
 */
export function observe(
  listing: Listing,
  options: { env: string; prefix: string; inStateMs: ReadonlyMap<string, number> },
): Map<string, Observed> {
  const byChannel = new Map<string, Observed>();
  const place = (tags: Record<string, string>): { channelId: string; observed: Observed } | undefined => {
    const channelId = tags[tagNames.channel];
    if (tags[tagNames.env] !== options.env || !channelId) return undefined;
    const observed = byChannel.get(channelId) ?? { channels: [], inputs: [], groups: [] };
    byChannel.set(channelId, observed);
    return { channelId, observed };
  };
  const marks = ({ arn, tags }: { arn: string; tags: Record<string, string> }): Marks => ({
    generation: Number(tags[tagNames.generation]) || 0,
    spec: tags[tagNames.spec] ?? '',
    expiresAtMs: Date.parse(tags[tagNames.expires] ?? '') || 0,
    inStateMs: options.inStateMs.get(arn) ?? 0,
  });
  for (const channel of listing.channels) {
    const { channelId, observed } = place(channel.tags) ?? {};
    if (channelId === undefined) continue;
    const runId = runOfUrl(channel.destinationUrls[0], options.prefix, channelId);
    const spec = channel.name.split('-').at(-1) ?? '';
    observed?.channels.push({ ...channel, ...marks(channel), spec, runId });
  }
  for (const input of listing.inputs) place(input.tags)?.observed.inputs.push({ ...input, ...marks(input) });
  for (const group of listing.groups) place(group.tags)?.observed.groups.push({ ...group, ...marks(group) });
  return byChannel;
}

export const nothingObserved: Observed = { channels: [], inputs: [], groups: [] };
