import type { FakeHls, HlsTarget } from './medialive-fake-hls.ts';

/**
 * AWS Elemental MediaLive as its REST protocol shows it (`/prod/channels` ...), without a network: `handle` takes a request and
 * answers it, `serveMediaLiveFake` puts it behind HTTP for the real SDK client. Time is the caller's: what is due happens
 * when a request or `settle` comes by.
 *
 * What it copies of the service: states that take their time; conflicts (start when not IDLE, delete while running, an
 * attached input, a security group in use); RequestId deduplication; DryRun; tombstones (a deleted thing answers DELETED, not
 * 404); lists that lag behind; quotas. What tests add: throttling, errors, lost answers, states that never end, and people
 * who start, stop and delete by hand.
 */
export class MediaLiveFake {
  readonly channels = new Map<string, FakeChannel>();
  readonly inputs = new Map<string, FakeInput>();
  readonly groups = new Map<string, FakeGroup>();
  /** Every call, in order: `POST /prod/channels 201`. The last thousand. */
  readonly calls: string[] = [];
  callCount = 0;
  readonly #options: Required<Pick<FakeOptions, 'nowMs' | 'delayMs' | 'faultOf' | 'listLagMs' | 'quotas'>> &
    FakeOptions;
  readonly #made = new Map<string, FakeChannel | FakeInput>();
  #lastId = 1_000_000;

  constructor(options: FakeOptions) {
    this.#options = {
      delayMs: (what) => delaysMs[what],
      faultOf: () => undefined,
      listLagMs: () => 0,
      quotas: { channels: 1000, inputs: 1000, groups: 1000 },
      ...options,
    };
  }

  /** Answers as the service would; `lost` when it did what was asked and the answer never arrives. */
  handle(request: FakeRequest): FakeAnswer {
    this.settle();
    const operation = routes.find(
      ({ method, pattern }) => method === request.method && pattern.test(request.path),
    );
    const [, id = ''] = operation?.pattern.exec(request.path) ?? [];
    const fault = this.#options.faultOf({ operation: operation?.name ?? 'unknown', id });
    const answer = this.#answer(operation?.name, decodeURIComponent(id), request, fault);
    this.calls.push(`${request.method} ${request.path} ${answer === 'lost' ? 'lost' : answer.status}`);
    if (this.calls.length > 1000) this.calls.shift();
    this.callCount += 1;
    return answer;
  }

  /** Lets happen what is due by now: states end, and running channels write their segments. */
  settle(): void {
    const nowMs = this.#options.nowMs();
    for (const things of [this.channels, this.inputs, this.groups]) {
      for (const thing of things.values()) {
        while (thing.due && !thing.isStuck && thing.due.atMs <= nowMs) {
          const { to, atMs } = thing.due;
          thing.due = undefined;
          this.#set(thing, to, atMs);
        }
      }
    }
    for (const { hls } of this.channels.values()) hls?.writeDue(nowMs);
  }

  /** Resolves when everything that running channels wrote so far has reached the store. */
  async written(): Promise<void> {
    this.settle();
    await Promise.all([...this.channels.values()].map(async ({ hls }) => await hls?.flushed()));
  }

  /** What a person does in the console: the same rules, without faults. */
  byHand(method: FakeRequest['method'], path: string, body: Json = {}): FakeAnswer {
    const operation = routes.find((one) => one.method === method && one.pattern.test(path));
    const [, id = ''] = operation?.pattern.exec(path) ?? [];
    this.settle();
    return this.#answer(operation?.name, id, { method, path, query: {}, body }, undefined);
  }

  /** The state never ends by itself, or does again. */
  stick(id: string, isStuck = true): void {
    const thing = this.#thing(id);
    if (thing) thing.isStuck = isStuck;
  }

  /** An instance under the channel failed; it heals by itself after the delay. */
  recover(channelId: string): void {
    const channel = this.channels.get(channelId);
    if (channel?.state !== 'RUNNING') return;
    this.#set(channel, 'RECOVERING');
    this.#due(channel, 'recovering', 'RUNNING');
  }

  /** No content arrives: output pauses, and both pipelines raise an alert. */
  loseInput(channelId: string, isLost = true): void {
    this.settle();
    const channel = this.channels.get(channelId);
    if (!channel) return;
    channel.inputLostAtMs = isLost ? this.#options.nowMs() : undefined;
    channel.hls?.pause(isLost, this.#options.nowMs());
  }

  /** One pipeline of a STANDARD channel stops writing, or comes back with its counter afresh. */
  failPipeline(channelId: string, pipeline: 0 | 1, hasFailed = true): void {
    this.settle();
    const channel = this.channels.get(channelId);
    if (!channel) return;
    channel.failedPipelines = channel.failedPipelines.filter((one) => one !== pipeline);
    if (hasFailed) channel.failedPipelines.push(pipeline);
    channel.hls?.failPipeline(pipeline, hasFailed, this.#options.nowMs());
  }

  #answer(
    name: Operation | undefined,
    id: string,
    request: FakeRequest,
    fault: Fault | undefined,
  ): FakeAnswer {
    if (fault?.kind === 'refuse') return refusal(fault.status, 'injected');
    try {
      const answer = this.#do(name, id, request);
      return fault?.kind === 'lose-answer' ? 'lost' : answer;
    } catch (thrown) {
      if (thrown instanceof Refusal) return refusal(thrown.status, thrown.message, thrown.problems);
      throw thrown;
    }
  }

  #do(name: Operation | undefined, id: string, { query, body }: FakeRequest): Exclude<FakeAnswer, 'lost'> {
    switch (name) {
      case 'ListChannels':
        return this.#page('channels', this.channels, query);
      case 'ListInputs':
        return this.#page('inputs', this.inputs, query);
      case 'ListInputSecurityGroups':
        return this.#page('inputSecurityGroups', this.groups, query);
      case 'CreateChannel':
        return this.#createChannel(body);
      case 'CreateInput':
        return this.#createInput(body);
      case 'CreateInputSecurityGroup':
        return this.#createGroup(body);
      case 'DescribeChannel':
        return ok(view(found(this.channels, id)));
      case 'DescribeInput':
        return ok(view(found(this.inputs, id)));
      case 'DescribeInputSecurityGroup':
        return ok(view(found(this.groups, id)));
      case 'StartChannel': {
        const channel = this.#inState(id, ['IDLE'], 'started');
        this.#set(channel, 'STARTING');
        this.#due(channel, 'starting', 'RUNNING');
        return ok(view(channel));
      }
      case 'StopChannel': {
        const channel = this.#inState(id, ['RUNNING', 'STARTING', 'RECOVERING'], 'stopped');
        this.#set(channel, 'STOPPING');
        this.#due(channel, 'stopping', 'IDLE');
        return ok(view(channel));
      }
      case 'DeleteChannel': {
        const channel = this.#inState(id, ['IDLE', 'CREATE_FAILED', 'UPDATE_FAILED'], 'deleted');
        this.#set(channel, 'DELETING');
        this.#due(channel, 'deleting', 'DELETED');
        return ok(view(channel));
      }
      case 'UpdateChannel':
        return this.#updateChannel(id, body);
      case 'RestartChannelPipelines': {
        const channel = this.#inState(id, ['RUNNING', 'RECOVERING'], 'restarted');
        // An operator's remedy frees what was stuck, as a restart of the pipelines does.
        channel.isStuck = false;
        this.#set(channel, 'RECOVERING');
        this.#due(channel, 'recovering', 'RUNNING');
        return ok(view(channel));
      }
      case 'DeleteInput': {
        const input = found(this.inputs, id);
        if (input.state !== 'DETACHED') throw new Refusal(409, `input ${id} is ${input.state}`);
        this.#set(input, 'DELETING');
        this.#due(input, 'inputDeleting', 'DELETED');
        return ok({});
      }
      case 'DeleteInputSecurityGroup': {
        const group = found(this.groups, id);
        if (group.state === 'DELETED') return ok({});
        if (group.state !== 'IDLE') throw new Refusal(409, `input security group ${id} is ${group.state}`);
        this.#set(group, 'DELETED');
        return ok({});
      }
      case 'ListAlerts':
        return ok({ alerts: this.#alerts(found(this.channels, id)) });
      case 'CreateTags':
        return this.#tag(id, body);
      case undefined:
        throw new Refusal(404, 'there is no such operation in the fake');
    }
  }

  #createChannel(body: Json): Exclude<FakeAnswer, 'lost'> {
    const known = this.#made.get(`channel ${String(body['requestId'])}`);
    if (known && body['dryRun'] !== true) return created({ channel: view(known) });
    checkChannel(body);
    const inputIds = attachedInputs(body);
    for (const inputId of inputIds) {
      const input = found(this.inputs, inputId);
      if (['DELETING', 'DELETED'].includes(input.state)) {
        throw new Refusal(404, `input ${inputId} is ${input.state}`);
      }
      if (input.state === 'ATTACHED') throw new Refusal(409, `input ${inputId} is attached already`);
      if (body['channelClass'] === 'STANDARD' && input.body['inputClass'] !== 'STANDARD') {
        throw new Refusal(422, 'invalid', [
          { elementPath: '/inputAttachments', errorMessage: `input ${inputId} has one source` },
        ]);
      }
    }
    const alive = [...this.channels.values()].filter(({ state }) => state !== 'DELETED').length;
    if (alive >= this.#options.quotas.channels) {
      throw new Refusal(403, `this account has ${alive} channels, which is its limit`);
    }
    const channel: FakeChannel = {
      ...this.#thingOf('channel', body),
      kind: 'channel',
      state: 'CREATING',
      failedPipelines: [],
    };
    if (body['dryRun'] === true) return created({ channel: view(channel) });
    this.channels.set(channel.id, channel);
    this.#made.set(`channel ${String(body['requestId'])}`, channel);
    this.#set(channel, 'CREATING');
    this.#due(channel, 'creating', this.#options.createOutcome?.() ?? 'IDLE');
    this.#attach(inputIds);
    return created({ channel: view(channel) });
  }

  #updateChannel(id: string, body: Json): Exclude<FakeAnswer, 'lost'> {
    const channel = this.#inState(id, ['IDLE'], 'updated');
    checkChannel({ ...channel.body, ...body });
    if (body['dryRun'] === true) return ok({ channel: view(channel) });
    // Tags stay: the update of a channel does not take any.
    Object.assign(channel.body, body, { tags: channel.body['tags'] });
    this.#set(channel, 'UPDATING');
    this.#due(channel, 'updating', 'IDLE');
    return ok({ channel: view(channel) });
  }

  #createInput(body: Json): Exclude<FakeAnswer, 'lost'> {
    const known = this.#made.get(`input ${String(body['requestId'])}`);
    if (known) return created({ input: view(known) });
    const sources = checkInput(body);
    const groupIds = (body['inputSecurityGroups'] ?? []) as string[];
    for (const groupId of groupIds) {
      if (found(this.groups, groupId).state === 'DELETED') {
        throw new Refusal(404, `input security group ${groupId} is DELETED`);
      }
    }
    const alive = [...this.inputs.values()].filter(({ state }) => state !== 'DELETED').length;
    if (alive >= this.#options.quotas.inputs) throw new Refusal(403, `this account has ${alive} inputs`);
    const thing = this.#thingOf('input', body);
    const input: FakeInput = { ...thing, kind: 'input', state: 'CREATING' };
    Object.assign(input.body, {
      inputClass: sources === 2 ? 'STANDARD' : 'SINGLE_PIPELINE',
      securityGroups: groupIds,
      destinations: endpoints(body, thing.id),
    });
    this.inputs.set(input.id, input);
    this.#made.set(`input ${String(body['requestId'])}`, input);
    this.#set(input, 'CREATING');
    this.#due(input, 'inputCreating', 'DETACHED');
    this.#useGroups();
    return created({ input: view(input) });
  }

  #createGroup(body: Json): Exclude<FakeAnswer, 'lost'> {
    const rules = (body['whitelistRules'] ?? []) as Json[];
    if (rules.length === 0) throw new Refusal(400, 'at least one CIDR is required');
    for (const { cidr } of rules) {
      if (!/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(String(cidr)))
        throw new Refusal(400, `${String(cidr)} is no CIDR`);
    }
    const alive = [...this.groups.values()].filter(({ state }) => state !== 'DELETED').length;
    if (alive >= this.#options.quotas.groups)
      throw new Refusal(403, `this account has ${alive} security groups`);
    const group: FakeGroup = { ...this.#thingOf('inputSecurityGroup', body), kind: 'group', state: 'IDLE' };
    this.groups.set(group.id, group);
    this.#set(group, 'IDLE');
    return ok({ securityGroup: view(group) });
  }

  #tag(arn: string, body: Json): Exclude<FakeAnswer, 'lost'> {
    const thing = this.#thing(arn.split(':').at(-1) ?? '');
    if (!thing || thing.state === 'DELETED') throw new Refusal(404, `there is nothing at ${arn}`);
    thing.body['tags'] = { ...(thing.body['tags'] as Json), ...(body['tags'] as Json) };
    this.#remember(thing, this.#options.nowMs());
    return { status: 204, headers: {}, body: {} };
  }

  #alerts(channel: FakeChannel): Json[] {
    if (channel.inputLostAtMs === undefined || !isRunning(channel.state)) return [];
    return pipelinesOf(channel).map((pipeline) => ({
      id: `alert-${channel.id}-${pipeline}`,
      alertType: 'Video Not Detected',
      pipelineId: String(pipeline),
      state: 'SET',
      setTimestamp: new Date(channel.inputLostAtMs ?? 0).toISOString(),
      message: 'no video frames have been received',
    }));
  }

  #set(thing: Thing, state: string, atMs = this.#options.nowMs()): void {
    thing.state = state;
    thing.changedAtMs = atMs;
    if (thing.kind === 'channel') {
      if (state === 'RUNNING' && !thing.hls) thing.hls = this.#options.openHls?.(targetOf(thing, atMs));
      if (['STOPPING', 'IDLE', 'DELETED'].includes(state)) {
        thing.hls?.end(atMs);
        thing.hls = undefined;
        thing.inputLostAtMs = undefined;
        thing.failedPipelines = [];
      }
      if (state === 'DELETED') this.#detach(attachedInputs(thing.body));
    }
    if (thing.kind === 'input' && state === 'DELETED') this.#useGroups();
    this.#remember(thing, atMs);
  }

  #due(thing: Thing, what: keyof typeof delaysMs, to: string): void {
    thing.due = { atMs: this.#options.nowMs() + this.#options.delayMs(what), to };
  }

  #attach(inputIds: readonly string[]): void {
    for (const id of inputIds) {
      const input = this.inputs.get(id);
      if (!input) continue;
      input.due = undefined;
      this.#set(input, 'ATTACHED');
    }
  }

  #detach(inputIds: readonly string[]): void {
    for (const id of inputIds) {
      const input = this.inputs.get(id);
      if (input?.state === 'ATTACHED') this.#set(input, 'DETACHED');
    }
  }

  #useGroups(): void {
    const used = new Set(
      [...this.inputs.values()]
        .filter(({ state }) => state !== 'DELETED')
        .flatMap(({ body }) => body['securityGroups'] as string[]),
    );
    for (const group of this.groups.values()) {
      if (group.state === 'DELETED') continue;
      const state = used.has(group.id) ? 'IN_USE' : 'IDLE';
      if (group.state !== state) this.#set(group, state);
    }
  }

  #inState(id: string, states: readonly string[], what: string): FakeChannel {
    const channel = found(this.channels, id);
    if (states.includes(channel.state)) return channel;
    throw new Refusal(409, `channel ${id} is ${channel.state} and cannot be ${what}`);
  }

  #thing(id: string): Thing | undefined {
    return this.channels.get(id) ?? this.inputs.get(id) ?? this.groups.get(id);
  }

  #thingOf(kind: string, body: Json): Omit<AnyThing, 'state'> {
    this.#lastId += 1;
    const id = String(this.#lastId);
    const { requestId: _, dryRun: __, ...kept } = body;
    return {
      id,
      arn: `arn:aws:medialive:us-east-1:123456789012:${kind}:${id}`,
      body: { tags: {}, ...structuredClone(kept) },
      createdAtMs: this.#options.nowMs(),
      changedAtMs: this.#options.nowMs(),
      history: [],
      isStuck: false,
    };
  }

  #remember(thing: Thing, atMs: number): void {
    thing.history.push({ atMs, view: view(thing) });
    if (thing.history.length > 30) thing.history.shift();
  }

  #page(
    name: string,
    things: Map<string, Thing>,
    query: Record<string, string>,
  ): Exclude<FakeAnswer, 'lost'> {
    const seenAtMs = this.#options.nowMs() - this.#options.listLagMs();
    const seen = [...things.values()]
      .map(({ history }) => history.findLast(({ atMs }) => atMs <= seenAtMs)?.view)
      .filter((one) => one !== undefined)
      .filter((one) => this.#options.listsTombstones === true || one['state'] !== 'DELETED');
    const from = Number(query['nextToken'] ?? 0);
    const size = Math.min(Number(query['maxResults'] ?? 20), this.#options.pageSize ?? 100);
    const next = from + size < seen.length ? { nextToken: String(from + size) } : {};
    return ok({ [name]: seen.slice(from, from + size), ...next });
  }
}

export type Json = Record<string, unknown>;

export interface FakeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  query: Record<string, string>;
  body: Json;
}

export type FakeAnswer = { status: number; headers: Record<string, string>; body: Json } | 'lost';

/** `refuse` does nothing of what was asked; `lose-answer` does it and says nothing. */
export type Fault = { kind: 'refuse'; status: 400 | 403 | 429 | 500 | 502 | 504 } | { kind: 'lose-answer' };

export interface FakeOptions {
  nowMs: () => number;
  /** How long a state takes. */
  delayMs?: (what: keyof typeof delaysMs) => number;
  faultOf?: (call: { operation: string; id: string }) => Fault | undefined;
  /** Asked at every list: how old what it shows is. */
  listLagMs?: () => number;
  listsTombstones?: boolean;
  pageSize?: number;
  quotas?: { channels: number; inputs: number; groups: number };
  /** What a channel's creation comes to; IDLE unless told otherwise. */
  createOutcome?: () => 'IDLE' | 'CREATE_FAILED';
  /** Called when a channel begins to run: writes its HLS into the store under test. */
  openHls?: (target: HlsTarget) => FakeHls;
}

type Thing = FakeChannel | FakeInput | FakeGroup;

interface AnyThing {
  id: string;
  arn: string;
  state: string;
  body: Json;
  createdAtMs: number;
  changedAtMs: number;
  due?: { atMs: number; to: string } | undefined;
  history: { atMs: number; view: Json }[];
  isStuck: boolean;
}
export interface FakeChannel extends AnyThing {
  kind: 'channel';
  hls?: FakeHls | undefined;
  inputLostAtMs?: number | undefined;
  failedPipelines: number[];
}
export interface FakeInput extends AnyThing {
  kind: 'input';
}
export interface FakeGroup extends AnyThing {
  kind: 'group';
}

/** What is typical of the service; a start takes up to three minutes. */
const delaysMs = {
  creating: 5_000,
  starting: 90_000,
  stopping: 30_000,
  updating: 3_000,
  deleting: 20_000,
  recovering: 60_000,
  inputCreating: 1_000,
  inputDeleting: 1_500,
};

const routes = [
  ['GET', 'channels', 'ListChannels'],
  ['POST', 'channels', 'CreateChannel'],
  ['GET', 'channels/*', 'DescribeChannel'],
  ['PUT', 'channels/*', 'UpdateChannel'],
  ['DELETE', 'channels/*', 'DeleteChannel'],
  ['POST', 'channels/*/start', 'StartChannel'],
  ['POST', 'channels/*/stop', 'StopChannel'],
  ['POST', 'channels/*/restartChannelPipelines', 'RestartChannelPipelines'],
  ['GET', 'channels/*/alerts', 'ListAlerts'],
  ['GET', 'inputs', 'ListInputs'],
  ['POST', 'inputs', 'CreateInput'],
  ['GET', 'inputs/*', 'DescribeInput'],
  ['DELETE', 'inputs/*', 'DeleteInput'],
  ['GET', 'inputSecurityGroups', 'ListInputSecurityGroups'],
  ['POST', 'inputSecurityGroups', 'CreateInputSecurityGroup'],
  ['GET', 'inputSecurityGroups/*', 'DescribeInputSecurityGroup'],
  ['DELETE', 'inputSecurityGroups/*', 'DeleteInputSecurityGroup'],
  ['POST', 'tags/*', 'CreateTags'],
].map(([method, path, name]) => ({
  method,
  name: name as Operation,
  pattern: new RegExp(`^/prod/${path?.replace('*', '([^/]+)')}/?$`),
}));

type Operation =
  | `List${'Channels' | 'Inputs' | 'InputSecurityGroups' | 'Alerts'}`
  | `${'Create' | 'Describe' | 'Delete'}${'Channel' | 'Input' | 'InputSecurityGroup'}`
  | `${'Start' | 'Stop' | 'Update'}Channel`
  | 'RestartChannelPipelines'
  | 'CreateTags';

class Refusal extends Error {
  readonly status: number;
  readonly problems: Json[] | undefined;

  constructor(status: number, message: string, problems?: Json[]) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

const errorTypes: Record<number, string> = {
  400: 'BadRequestException',
  403: 'ForbiddenException',
  404: 'NotFoundException',
  409: 'ConflictException',
  422: 'UnprocessableEntityException',
  429: 'TooManyRequestsException',
  500: 'InternalServerErrorException',
  502: 'BadGatewayException',
  504: 'GatewayTimeoutException',
};

function refusal(status: number, message: string, problems?: Json[]): Exclude<FakeAnswer, 'lost'> {
  return {
    status,
    headers: { 'x-amzn-errortype': errorTypes[status] ?? 'InternalServerErrorException' },
    body: { message, ...(problems ? { validationErrors: problems } : {}) },
  };
}

function ok(body: Json): Exclude<FakeAnswer, 'lost'> {
  return { status: 200, headers: {}, body };
}

function created(body: Json): Exclude<FakeAnswer, 'lost'> {
  return { status: 201, headers: {}, body };
}

function found<T extends Thing>(things: Map<string, T>, id: string): T {
  const thing = things.get(id);
  if (!thing) throw new Refusal(404, `there is nothing of the id ${id}`);
  return thing;
}

function view(thing: Thing): Json {
  const { id, arn, state } = thing;
  const shown: Json = { ...thing.body, tags: { ...(thing.body['tags'] as Json) }, id, arn, state };
  if (thing.kind !== 'channel') return shown;
  const { failedPipelines } = thing;
  const running = state === 'RUNNING' ? pipelinesOf(thing).length - failedPipelines.length : 0;
  return { ...shown, pipelinesRunningCount: running };
}

function pipelinesOf(channel: Thing): (0 | 1)[] {
  return channel.body['channelClass'] === 'STANDARD' ? [0, 1] : [0];
}

function isRunning(state: string): boolean {
  return state === 'RUNNING' || state === 'RECOVERING';
}

function attachedInputs(body: Json): string[] {
  return ((body['inputAttachments'] ?? []) as Json[]).map(({ inputId }) => String(inputId));
}

/** What the service looks at before it says yes. */
function checkChannel(body: Json): void {
  const problems: Json[] = [];
  const want = (isSo: boolean, elementPath: string, errorMessage: string): void => {
    if (!isSo) problems.push({ elementPath, errorMessage });
  };
  const encoder = (body['encoderSettings'] ?? {}) as Record<string, Json[]>;
  const destinations = (body['destinations'] ?? []) as { id: string; settings: { url: string }[] }[];
  const pipelines = body['channelClass'] === 'SINGLE_PIPELINE' ? 1 : 2;
  if (typeof body['name'] !== 'string' || body['name'] === '') throw new Refusal(400, 'name is required');
  if (typeof body['roleArn'] !== 'string') throw new Refusal(400, 'roleArn is required');
  if (attachedInputs(body).length === 0) throw new Refusal(400, 'inputAttachments is required');
  for (const part of ['audioDescriptions', 'videoDescriptions', 'outputGroups']) {
    want((encoder[part]?.length ?? 0) > 0, `/encoderSettings/${part}`, 'is empty');
  }
  want(encoder['timecodeConfig'] !== undefined, '/encoderSettings/timecodeConfig', 'is missing');
  want(destinations.length > 0, '/destinations', 'is empty');
  for (const { id, settings } of destinations) {
    want(settings.length === pipelines, `/destinations/${id}`, `needs ${pipelines} addresses`);
    for (const { url } of settings) want(/^s3ssl:\/\/[^/]+\/.+[^/]$/.test(url), `/destinations/${id}`, url);
  }
  const named = new Set(destinations.map(({ id }) => id));
  for (const group of encoder['outputGroups'] ?? []) {
    const hls = (group['outputGroupSettings'] as { hlsGroupSettings?: Json } | undefined)?.hlsGroupSettings;
    const ref = String((hls?.['destination'] as Json | undefined)?.['destinationRefId']);
    want(named.has(ref), '/encoderSettings/outputGroups', `destination ${ref} is not defined`);
  }
  if (problems.length > 0) throw new Refusal(422, 'the channel is not valid', problems);
}

/** @returns how many sources it takes: two make it STANDARD */
function checkInput(body: Json): number {
  const type = String(body['type']);
  const count = (name: string): number => ((body[name] ?? []) as unknown[]).length;
  const needsGroup = ['RTMP_PUSH', 'RTP_PUSH', 'SRT_LISTENER'].includes(type);
  if (needsGroup && count('inputSecurityGroups') === 0)
    throw new Refusal(400, `${type} needs a security group`);
  switch (type) {
    case 'RTMP_PUSH':
      for (const { streamName } of (body['destinations'] ?? []) as Json[]) {
        if (!/^[^/]+\/[^/]+$/.test(String(streamName))) throw new Refusal(400, 'streamName is app/instance');
      }
      return atLeastOne(count('destinations'), 'destinations');
    case 'RTP_PUSH':
      return 2;
    case 'SRT_LISTENER': {
      const settings = (body['srtSettings'] as { srtListenerSettings?: Json })?.srtListenerSettings;
      const decryption = settings?.['decryption'] as Json | undefined;
      if (!String(decryption?.['passphraseSecretArn']).startsWith('arn:aws:secretsmanager:')) {
        throw new Refusal(400, 'an SRT listener needs a passphrase from Secrets Manager');
      }
      const latencyMs = Number(settings?.['minimumLatency']);
      if (!(latencyMs >= 120 && latencyMs <= 15_000))
        throw new Refusal(400, 'minimumLatency is 120 to 15000');
      return 2;
    }
    case 'SRT_CALLER':
      return atLeastOne(
        ((body['srtSettings'] as { srtCallerSources?: unknown[] })?.srtCallerSources ?? []).length,
        'srtCallerSources',
      );
    case 'MEDIACONNECT':
      if (typeof body['roleArn'] !== 'string') throw new Refusal(400, 'roleArn is required');
      return atLeastOne(count('mediaConnectFlows'), 'mediaConnectFlows');
    case 'URL_PULL':
    case 'MP4_FILE':
      return atLeastOne(count('sources'), 'sources');
    default:
      throw new Refusal(400, `${type} is not an input type of the fake`);
  }
}

function atLeastOne(count: number, what: string): number {
  if (count < 1 || count > 2) throw new Refusal(400, `${what} must be one or two (got ${count})`);
  return count;
}

function endpoints(body: Json, id: string): Json[] {
  const at = (index: number): string => `192.0.2.${(Number(id) % 100) * 2 + index + 1}`;
  switch (body['type']) {
    case 'RTMP_PUSH':
      return ((body['destinations'] ?? []) as Json[]).map(({ streamName }, index) => ({
        ip: at(index),
        port: '1935',
        url: `rtmp://${at(index)}:1935/${String(streamName)}`,
      }));
    case 'RTP_PUSH':
      return [0, 1].map((index) => ({ ip: at(index), port: '5000', url: `rtp://${at(index)}:5000` }));
    case 'SRT_LISTENER':
      return [0, 1].map((index) => ({ ip: at(index), port: '5000', url: `srt://${at(index)}:5000` }));
    default:
      return [];
  }
}

function targetOf(channel: FakeChannel, startedAtMs: number): HlsTarget {
  const destinations = channel.body['destinations'] as { settings: { url: string }[] }[];
  const urls = destinations[0]?.settings.map(({ url }) => url) ?? [];
  const encoder = channel.body['encoderSettings'] as {
    outputGroups: {
      outputGroupSettings: { hlsGroupSettings: { segmentLength?: number } };
      outputs: { outputSettings: { hlsOutputSettings: { segmentModifier?: string } } }[];
    }[];
  };
  const group = encoder.outputGroups[0];
  return {
    channelId: channel.id,
    urls,
    startedAtMs,
    segmentMs: (group?.outputGroupSettings.hlsGroupSettings.segmentLength ?? 10) * 1000,
    segmentModifier: group?.outputs[0]?.outputSettings.hlsOutputSettings.segmentModifier ?? '',
  };
}
