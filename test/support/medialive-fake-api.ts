import { TouchlineError } from '../../core/errors.ts';
import type {
  ChannelState,
  GroupState,
  InputState,
  ListedChannel,
  MediaLiveApi,
} from '../../ingest/medialive/medialive-port.ts';
import type { FakeRequest, Json, MediaLiveFake } from './medialive-fake.ts';

/** Our API on the fake without a network and without the SDK: what thousands of seeded schedules run on. */
export function apiOnFake(fake: MediaLiveFake): MediaLiveApi {
  const call = (method: FakeRequest['method'], path: string, body: object = {}): Json => {
    const answer = fake.handle({ method, path: `/prod/${path}`, query: {}, body: camel(body) as Json });
    if (answer === 'lost') throw failed('medialive.unavailable', 'the answer was lost', true);
    if (answer.status < 300) return answer.body;
    const message = `${answer.status} ${String(answer.body['message'])}`;
    if (answer.status === 409) throw failed('medialive.conflict', message, true);
    if (answer.status === 404) throw failed('medialive.not-found', message, true);
    throw failed('medialive.refused', message, answer.status === 429 || answer.status >= 500);
  };
  const list = (path: string): Json[] => {
    const all: Json[] = [];
    for (let query: Record<string, string> = {}; ;) {
      const answer = fake.handle({ method: 'GET', path: `/prod/${path}`, query, body: {} });
      if (answer === 'lost' || answer.status >= 300) {
        throw failed('medialive.unavailable', `listing ${path} failed`, true);
      }
      all.push(...(answer.body[path] as Json[]));
      const { nextToken } = answer.body;
      if (typeof nextToken !== 'string') return all;
      query = { nextToken };
    }
  };
  const seen = new WeakMap<Json, ListedChannel>();
  return {
    list: async () => ({
      channels: list('channels').map((channel) => {
        // The same view comes in many lists: most of the time of many schedules went here.
        const read = seen.get(channel) ?? readChannel(channel);
        seen.set(channel, read);
        return read;
      }),
      inputs: list('inputs').map((input) => ({
        ...one(input),
        state: input['state'] as InputState,
        isPush: /PUSH|LISTENER/.test(String(input['type'])),
        groupIds: input['securityGroups'] as string[],
        endpointUrls: (input['destinations'] as { url: string }[]).map(({ url }) => url),
      })),
      groups: list('inputSecurityGroups').map((group) => ({
        ...one(group),
        state: group['state'] as GroupState,
      })),
    }),
    inputLostSinceMs: async (id) => {
      const alerts = call('GET', `channels/${id}/alerts`)['alerts'] as { setTimestamp: string }[];
      return alerts[0] && Date.parse(alerts[0].setTimestamp);
    },
    quotas: async () => ({
      channels: undefined,
      pushInputs: undefined,
      pullInputs: undefined,
      groups: undefined,
    }),
    createGroup: async (request) => void call('POST', 'inputSecurityGroups', request),
    createInput: async (request) => (call('POST', 'inputs', request)['input'] as Json)['state'] as InputState,
    createChannel: async (request) =>
      (call('POST', 'channels', request)['channel'] as Json)['state'] as ChannelState,
    updateChannel: async (id, update) => void call('PUT', `channels/${id}`, update),
    startChannel: async (id) => void call('POST', `channels/${id}/start`),
    stopChannel: async (id) => void call('POST', `channels/${id}/stop`),
    restartPipelines: async (id) => void call('POST', `channels/${id}/restartChannelPipelines`),
    deleteChannel: async (id) => void call('DELETE', `channels/${id}`),
    deleteInput: async (id) => void call('DELETE', `inputs/${id}`),
    deleteGroup: async (id) => void call('DELETE', `inputSecurityGroups/${id}`),
    tag: async (arn, tags) => void call('POST', `tags/${encodeURIComponent(arn)}`, { tags }),
  };
}

function readChannel(channel: Json): ListedChannel {
  return {
    ...one(channel),
    name: String(channel['name']),
    state: channel['state'] as ChannelState,
    isStandard: channel['channelClass'] === 'STANDARD',
    pipelinesRunning: Number(channel['pipelinesRunningCount']),
    inputIds: (channel['inputAttachments'] as Json[]).map(({ inputId }) => String(inputId)),
    destinationUrls: (channel['destinations'] as { settings: { url: string }[] }[]).flatMap(({ settings }) =>
      settings.map(({ url }) => url),
    ),
  };
}

function one(thing: Json) {
  return {
    id: String(thing['id']),
    arn: String(thing['arn']),
    tags: thing['tags'] as Record<string, string>,
  };
}

/** The wire has the names of the SDK with a small first letter; tags keep theirs. */
function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as Json).map(([name, inner]) =>
      /^tags$/i.test(name)
        ? ['tags', inner]
        : [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, camel(inner)],
    ),
  );
}

function failed(code: string, message: string, retryable: boolean): TouchlineError {
  return new TouchlineError({ code, message, retryable, blame: 'environment' });
}
