import type { ChannelRequest, ChannelUpdate, GroupRequest, InputRequest } from './channel-settings.ts';

/**
 * What we ask of MediaLive. Every call has a time limit and is retried where that is safe. Errors are TouchlineErrors:
 * `medialive.conflict` and `medialive.not-found` (the world is another than was thought: look again), `medialive.refused` (the
 * same call will never go through) and retryable ones.
 */
export interface MediaLiveApi {
  /** Everything in the account and region, tagged or not: quotas count it all. */
  list(): Promise<Listing>;
  /** Since when no pipeline has had a picture; undefined while one has. */
  inputLostSinceMs(channelId: string, pipelineCount: 1 | 2): Promise<number | undefined>;
  /** Counts that the account may have. */
  quotas(): Promise<Quotas>;
  createGroup(request: GroupRequest): Promise<void>;
  /** Returns the state: a RequestId that was used before answers with what came of it, deleted or not. */
  createInput(request: InputRequest): Promise<InputState>;
  /** Asks first whether the service would take it (DryRun). */
  createChannel(request: ChannelRequest): Promise<ChannelState>;
  updateChannel(channelId: string, update: ChannelUpdate): Promise<void>;
  startChannel(channelId: string): Promise<void>;
  stopChannel(channelId: string): Promise<void>;
  restartPipelines(channelId: string, pipelineCount: 1 | 2): Promise<void>;
  deleteChannel(channelId: string): Promise<void>;
  deleteInput(inputId: string): Promise<void>;
  deleteGroup(groupId: string): Promise<void>;
  tag(arn: string, tags: Record<string, string>): Promise<void>;
}

export type ChannelState =
  | 'CREATING'
  | 'CREATE_FAILED'
  | 'IDLE'
  | 'STARTING'
  | 'RUNNING'
  | 'RECOVERING'
  | 'STOPPING'
  | 'DELETING'
  | 'DELETED'
  | 'UPDATING'
  | 'UPDATE_FAILED';
export type InputState = 'CREATING' | 'DETACHED' | 'ATTACHED' | 'DELETING' | 'DELETED';
export type GroupState = 'IDLE' | 'IN_USE' | 'UPDATING' | 'DELETED';

export interface Listing {
  channels: ListedChannel[];
  inputs: ListedInput[];
  groups: ListedGroup[];
}

interface Listed {
  id: string;
  arn: string;
  tags: Record<string, string>;
}

export interface ListedChannel extends Listed {
  name: string;
  state: ChannelState;
  isStandard: boolean;
  pipelinesRunning: number;
  inputIds: string[];
  /** Where its first output goes, one address a pipeline. */
  destinationUrls: string[];
}

export interface ListedInput extends Listed {
  state: InputState;
  isPush: boolean;
  groupIds: string[];
  /** Where a push goes to. */
  endpointUrls: string[];
}

export interface ListedGroup extends Listed {
  state: GroupState;
}

/** Undefined: not known, and so not held against a creation. */
export interface Quotas {
  channels: number | undefined;
  pushInputs: number | undefined;
  pullInputs: number | undefined;
  groups: number | undefined;
}
