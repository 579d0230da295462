import {
  CreateChannelCommand,
  CreateInputCommand,
  CreateInputSecurityGroupCommand,
  CreateTagsCommand,
  DeleteChannelCommand,
  DeleteInputCommand,
  DeleteInputSecurityGroupCommand,
  MediaLiveClient,
  paginateListAlerts,
  paginateListChannels,
  paginateListInputs,
  paginateListInputSecurityGroups,
  RestartChannelPipelinesCommand,
  StartChannelCommand,
  StopChannelCommand,
  UpdateChannelCommand,
  type ChannelAlert,
  type ChannelSummary,
  type Input,
  type InputSecurityGroup,
} from '@aws-sdk/client-medialive';

import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';

import { asMediaLiveError, CallBudget } from './call-budget.ts';
import type { ListedChannel, ListedGroup, ListedInput, MediaLiveApi, Quotas } from './medialive-port.ts';

/** The only file that knows the SDK of MediaLive. It keeps to the calls: nothing here waits for a state. */
export function createMediaLiveApi(options: {
  clock: Clock;
  random: Random;
  readQuotas: () => Promise<Quotas>;
  /** Undefined = where the SDK finds it: environment, profile, instance. */
  region?: string | undefined;
  /** For tests: something that speaks the same protocol. */
  endpoint?: string | undefined;
  /** How long one call may take, a listing with all its pages. Default 10 s. */
  callMs?: number;
}): MediaLiveApi & { close(): void } {
  const { region, endpoint, callMs = callMsMax } = options;
  const client = new MediaLiveClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    // Ours is one budget for the account; the SDK's would be one for each call, on top of it.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: callMs, throwOnRequestTimeout: true },
  });
  const budget = new CallBudget(options);
  const call = async <T>(what: string, work: (limit: Limit) => Promise<T>, canRepeat = true): Promise<T> =>
    await budget.call(async () => {
      try {
        return await work({ abortSignal: AbortSignal.timeout(callMs) });
      } catch (thrown) {
        throw asMediaLiveError(thrown, what);
      }
    }, canRepeat);
  const all = async <Page, T>(
    what: string,
    pages: (limit: Limit) => AsyncIterable<Page>,
    things: (page: Page) => T[] | undefined,
  ): Promise<T[]> =>
    await call(what, async (limit) => {
      const found: T[] = [];
      let pageCount = 0;
      for await (const page of pages(limit)) {
        found.push(...(things(page) ?? []));
        pageCount += 1;
        if (pageCount >= pagesMax) throw new Error(`${what}: more than ${pagesMax} pages`);
      }
      return found;
    });

  return {
    list: async () => {
      const [channels, inputs, groups] = await Promise.all([
        all(
          'medialive:ListChannels',
          (limit) => paginateListChannels({ client, pageSize }, {}, limit),
          (page) => page.Channels,
        ),
        all(
          'medialive:ListInputs',
          (limit) => paginateListInputs({ client, pageSize }, {}, limit),
          (page) => page.Inputs,
        ),
        all(
          'medialive:ListInputSecurityGroups',
          (limit) => paginateListInputSecurityGroups({ client, pageSize }, {}, limit),
          (page) => page.InputSecurityGroups,
        ),
      ]);
      return {
        channels: channels.map(listedChannel),
        inputs: inputs.map(listedInput),
        groups: groups.map(listedGroup),
      };
    },
    inputLostSinceMs: async (ChannelId, pipelineCount) => {
      const alerts = await all(
        'medialive:ListAlerts',
        (limit) => paginateListAlerts({ client, pageSize }, { ChannelId, StateFilter: 'SET' }, limit),
        (page) => page.Alerts,
      );
      return lostSinceMs(alerts, pipelineCount);
    },
    quotas: options.readQuotas,
    createGroup: async (request) => {
      // It takes no RequestId: after a lost answer the next listing shows whether there is one.
      await call(
        'medialive:CreateInputSecurityGroup',
        async (limit) => await client.send(new CreateInputSecurityGroupCommand(request), limit),
        false,
      );
    },
    createInput: async (request) => {
      const { Input } = await call(
        'medialive:CreateInput',
        async (limit) => await client.send(new CreateInputCommand(request), limit),
      );
      return Input?.State ?? 'CREATING';
    },
    createChannel: async (request) => {
      await call(
        'medialive:CreateChannel (dry run)',
        async (limit) => await client.send(new CreateChannelCommand({ ...request, DryRun: true }), limit),
      );
      const { Channel } = await call(
        'medialive:CreateChannel',
        async (limit) => await client.send(new CreateChannelCommand(request), limit),
      );
      return Channel?.State ?? 'CREATING';
    },
    updateChannel: async (ChannelId, update) => {
      const command = { ChannelId, ...update };
      await call(
        'medialive:UpdateChannel',
        async (limit) => await client.send(new UpdateChannelCommand(command), limit),
      );
    },
    startChannel: async (ChannelId) => {
      await call(
        'medialive:StartChannel',
        async (limit) => await client.send(new StartChannelCommand({ ChannelId }), limit),
      );
    },
    stopChannel: async (ChannelId) => {
      await call(
        'medialive:StopChannel',
        async (limit) => await client.send(new StopChannelCommand({ ChannelId }), limit),
      );
    },
    restartPipelines: async (ChannelId, pipelineCount) => {
      const PipelineIds = pipelineCount === 2 ? bothPipelines : firstPipeline;
      await call(
        'medialive:RestartChannelPipelines',
        async (limit) =>
          await client.send(new RestartChannelPipelinesCommand({ ChannelId, PipelineIds }), limit),
      );
    },
    deleteChannel: async (ChannelId) => {
      await call(
        'medialive:DeleteChannel',
        async (limit) => await client.send(new DeleteChannelCommand({ ChannelId }), limit),
      );
    },
    deleteInput: async (InputId) => {
      await call(
        'medialive:DeleteInput',
        async (limit) => await client.send(new DeleteInputCommand({ InputId }), limit),
      );
    },
    deleteGroup: async (InputSecurityGroupId) => {
      await call(
        'medialive:DeleteInputSecurityGroup',
        async (limit) =>
          await client.send(new DeleteInputSecurityGroupCommand({ InputSecurityGroupId }), limit),
      );
    },
    tag: async (ResourceArn, Tags) => {
      await call(
        'medialive:CreateTags',
        async (limit) => await client.send(new CreateTagsCommand({ ResourceArn, Tags }), limit),
      );
    },
    close: () => client.destroy(),
  };
}

type Limit = { abortSignal: AbortSignal };

/** Creating answers within two seconds; what takes longer than this has been lost. */
const callMsMax = 10_000;
const pageSize = 100;
/** 10,000 things: far beyond any quota, so a list that goes on is no list. */
const pagesMax = 100;
const firstPipeline: 'PIPELINE_0'[] = ['PIPELINE_0'];
const bothPipelines: ('PIPELINE_0' | 'PIPELINE_1')[] = ['PIPELINE_0', 'PIPELINE_1'];

function listedChannel(channel: ChannelSummary): ListedChannel {
  return {
    ...idOf(channel),
    name: channel.Name ?? '',
    // Without a state nothing is done to it: UPDATING is the state that only waits.
    state: channel.State ?? 'UPDATING',
    isStandard: channel.ChannelClass !== 'SINGLE_PIPELINE',
    pipelinesRunning: channel.PipelinesRunningCount ?? 0,
    inputIds: (channel.InputAttachments ?? []).flatMap(({ InputId }) => InputId ?? []),
    destinationUrls: (channel.Destinations ?? []).flatMap(({ Settings }) =>
      (Settings ?? []).flatMap(({ Url }) => Url ?? []),
    ),
  };
}

function listedInput(input: Input): ListedInput {
  return {
    ...idOf(input),
    state: input.State ?? 'CREATING',
    isPush: /PUSH|LISTENER/.test(input.Type ?? ''),
    groupIds: input.SecurityGroups ?? [],
    endpointUrls: (input.Destinations ?? []).flatMap(({ Url }) => Url ?? []),
  };
}

function listedGroup(group: InputSecurityGroup): ListedGroup {
  return { ...idOf(group), state: group.State ?? 'UPDATING' };
}

function idOf({
  Id,
  Arn,
  Tags,
}: {
  Id?: string | undefined;
  Arn?: string | undefined;
  Tags?: Record<string, string> | undefined;
}) {
  return { id: Id ?? '', arn: Arn ?? '', tags: Tags ?? {} };
}

/** Lost only when no pipeline has a picture, and since the last one lost it. */
function lostSinceMs(alerts: readonly ChannelAlert[], pipelineCount: 1 | 2): number | undefined {
  const byPipeline = new Map<string, number>();
  for (const { AlertType, PipelineId = '0', SetTimestamp } of alerts) {
    if (!SetTimestamp || !noPicture.test(AlertType ?? '')) continue;
    const sinceMs = SetTimestamp.getTime();
    byPipeline.set(PipelineId, Math.min(byPipeline.get(PipelineId) ?? Infinity, sinceMs));
  }
  return byPipeline.size < pipelineCount ? undefined : Math.max(...byPipeline.values());
}

/** "Video Not Detected", "Initial Probe Taking Longer Than Expected", "Stopped Receiving UDP Input" and their like. */
const noPicture =
  /video not detected|initial probe|stopped receiving|not receiving|no (video|input)|inaccessible input/i;
