import type { Actor } from '../../core/actor.ts';
import { Secret } from '../../core/secret.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Rendition } from '../../core/clip.ts';
import type {
  ChannelView,
  ClipView,
  DeskEventKind,
  DeskEvent,
  MatchDesk,
  MomentFilter,
  MomentView,
  Waterfall,
} from '../../control/match-desk.ts';
import { cursorOf, pageOf, readCursor } from '../../control/page-cursor.ts';

/** A match desk in memory, for tests of what shows it. What the tests do not ask for, it refuses. */
export class FakeDesk implements MatchDesk {
  readonly channels = new Map<string, ChannelView>();
  readonly moments = new Map<string, MomentView>();
  readonly clips = new Map<string, ClipView>();
  readonly events: DeskEvent[] = [];
  readonly calls: unknown[] = [];
  isReady = true;
  #listeners = new Set<() => void>();
  #keyCount = 0;

  async createChannel(wish: { name: string; sport?: string }, by?: Actor) {
    if ([...this.channels.values()].some(({ name }) => name === wish.name)) {
      throw fault('channel.taken', `a channel named "${wish.name}" exists: choose another name`);
    }
    const channel = channelView({ id: `ch_${this.channels.size + 1}`, name: wish.name });
    this.channels.set(channel.id, channel);
    return { channel, key: await this.issueKey(channel.id, by) };
  }
  async listChannels() {
    return [...this.channels.values()];
  }
  async getChannel(idOrName: string) {
    const found = [...this.channels.values()].find(({ id, name }) => id === idOrName || name === idOrName);
    if (!found) throw fault('channel.not-found', `there is no channel "${idOrName}"`);
    return found;
  }
  async issueKey(channelId: string, by?: Actor) {
    const channel = await this.getChannel(channelId);
    if (channel.keys.length >= 2) throw fault('key.taken', 'two keys live already: revoke one first');
    this.#keyCount += 1;
    const key = { id: `k${this.#keyCount}`, createdAtMs: 1_700_000_000_000, issuedBy: by ?? null };
    channel.keys.push(key);
    return { ...key, key: new Secret(`k${this.#keyCount}-not-to-be-repeated`) };
  }
  async revokeKey(channelId: string, keyId: string) {
    const channel = await this.getChannel(channelId);
    channel.keys = channel.keys.filter(({ id }) => id !== keyId);
  }
  async startChannel(channelId: string) {
    return this.changeState(channelId, 'waiting');
  }
  async stopChannel(channelId: string) {
    return this.changeState(channelId, 'idle');
  }
  async deleteChannel(channelId: string) {
    this.channels.delete(channelId);
  }
  health(channelId: string) {
    if (this.channels.get(channelId)?.state !== 'live') return undefined;
    return {
      channelId,
      state: 'live',
      runId: 'run_1',
      sessionId: 'ses_1',
      protocol: 'rtmp',
      bitrateBps: 3_120_000,
      framesPerSecond: 25,
      keyframeIntervalMs: 8_300,
      width: 1280,
      height: 720,
      hasAudio: true,
      droppedFrameCount: 0,
      discontinuityCount: 0,
      advice: ["keyframes every 8.3 s: set the encoder's keyframe interval to 2 s"],
    } as const as never;
  }
  async ingestFile(wish: unknown) {
    this.calls.push(wish);
    return { channelId: 'ch_1', runId: 'run_1' };
  }
  async listRuns() {
    return { runs: [], next: null };
  }
  async getRun(): Promise<never> {
    throw fault('run.not-found', 'there is no such run');
  }
  async runReport(): Promise<never> {
    throw fault('run.not-found', 'there is no such run');
  }
  async listSegments(filter: unknown) {
    this.calls.push(filter);
    return [];
  }
  async listMoments(filter: MomentFilter) {
    const limit = filter.limit ?? 50;
    const atMsMax =
      filter.cursor === undefined ? Infinity : (readCursor('moments', filter.cursor, 1)[0] ?? 0);
    const fitting = [...this.moments.values()]
      .filter(({ decision }) => filter.decision === undefined || decision === filter.decision)
      .filter(({ foundAtMs }) => foundAtMs < atMsMax)
      .toSorted((one, other) => other.foundAtMs - one.foundAtMs);
    const { rows, next } = pageOf(fitting, limit, ({ foundAtMs }) => cursorOf('moments', [foundAtMs]));
    return { moments: await Promise.all(rows.map(({ id }) => this.getMoment(id))), next };
  }
  async getMoment(momentId: string) {
    const moment = this.moments.get(momentId);
    if (!moment) throw fault('moment.not-found', `there is no moment "${momentId}"`);
    const channelName = this.channels.get(moment.channelId)?.name ?? moment.channelId;
    return { ...moment, channelName, clip: this.clips.get(moment.clipId) ?? null };
  }
  async decide(momentId: string, decision: MomentView['decision'], { by }: { by: Actor }) {
    const { kind, id, name } = by;
    const decidedBy = decision === 'undecided' ? null : { kind, id, name };
    const moment = { ...(await this.getMoment(momentId)), decision, decidedBy };
    this.moments.set(momentId, moment);
    this.happen('moment.decided', momentId);
    return moment;
  }
  async listClips() {
    return { clips: [...this.clips.values()], next: null };
  }
  async getClip(clipId: string) {
    const clip = this.clips.get(clipId);
    if (!clip) throw fault('clip.not-found', `there is no clip "${clipId}"`);
    return clip;
  }
  async waterfall(clipId: string): Promise<Waterfall> {
    return { clipId, momentId: clipId.replace('clp', 'mom'), steps: [] };
  }
  async listDead() {
    return { segments: [], next: null };
  }
  async retrySegment(segmentId: string) {
    this.calls.push({ retry: segmentId });
  }
  async eventsSince(afterId: number, limit: number) {
    return this.events.filter(({ id }) => id > afterId).slice(0, limit);
  }
  async lastEventId() {
    return this.events.at(-1)?.id ?? 0;
  }
  onNews(listener: () => void) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  async readiness() {
    return [
      { name: 'database' as const, isOk: this.isReady, message: 'at /secret/place', tookMs: 1 },
      { name: 'store' as const, isOk: true, message: 'writable', tookMs: 1 },
    ];
  }
  async metrics() {
    return [
      {
        name: 'touchline_stream_up',
        help: 'Is the channel live?',
        type: 'gauge' as const,
        samples: [{ labels: { channel: 'a "quoted"\nname' }, value: 1 }],
      },
    ];
  }

  happen(kind: DeskEventKind, subjectId: string, channelId = 'ch_1'): void {
    const id = (this.events.at(-1)?.id ?? 0) + 1;
    this.events.push({ id, atMs: 0, kind, channelId, runId: 'run_1', subjectId, data: {}, by: null });
    for (const listener of this.#listeners) listener();
  }

  changeState(channelId: string, state: ChannelView['state']): ChannelView {
    const channel = this.channels.get(channelId);
    if (!channel) throw fault('channel.not-found', `there is no channel "${channelId}"`);
    channel.state = state;
    this.happen('channel.changed', channelId, channelId);
    return channel;
  }

  /** A moment at `peakMs`, of which there is a clip when renditions are given. */
  find(id: string, fields: Partial<MomentView> = {}): MomentView {
    const moment = momentView(id, fields);
    this.moments.set(id, moment);
    return moment;
  }

  cut(momentId: string, revision: 'fast' | 'exact', renditions: Rendition[], fields: Partial<ClipView> = {}) {
    const moment = this.moments.get(momentId);
    if (!moment) throw fault('moment.not-found', momentId);
    moment.state = revision;
    this.clips.set(moment.clipId, {
      id: moment.clipId,
      momentId,
      channelId: moment.channelId,
      runId: moment.runId,
      label: moment.label,
      score: moment.score,
      decision: moment.decision,
      revision,
      made: revision === 'fast' ? 'copy' : 'smart',
      proven: revision === 'exact',
      durationMs: moment.outMs - moment.inMs,
      startWallMs: moment.peakWallMs - (moment.peakMs - moment.inMs),
      notes: revision === 'fast' ? ['starts 1.2 s early'] : [],
      sidecarKey: `clips/ch_1/run_1/${moment.clipId}/${moment.clipId}.json`,
      renditions,
      firstVisibleAtMs: 0,
      visibleAtMs: 0,
      ...fields,
    });
  }
}

function channelView(fields: Pick<ChannelView, 'id' | 'name'>): ChannelView {
  return {
    sport: 'soccer',
    state: 'waiting',
    stateReason: null,
    segmentMs: 4_000,
    createdAtMs: 1_700_000_000_000,
    runId: null,
    keys: [],
    driver: 'local',
    input: null,
    endpoints: [],
    ...fields,
  };
}

function momentView(id: string, fields: Partial<MomentView>): MomentView {
  const peakMs = fields.peakMs ?? 62_000;
  return {
    id,
    label: 'goal',
    peakMs,
    inMs: peakMs - 9_000,
    outMs: peakMs + 7_000,
    score: 0.94,
    reasons: [
      {
        signal: 'score.change',
        contribution: 0.71,
        atMs: peakMs + 6_000,
        text: 'the score went from 0-0 to 1-0',
      },
      { signal: 'crowd.rise', contribution: 0.22, atMs: peakMs, text: 'the crowd rose by 14 dB' },
      { signal: 'cut.rate', contribution: 0.05, atMs: peakMs + 2_000, text: 'three cuts within 6 s' },
    ],
    channelId: 'ch_1',
    channelName: 'ch_1',
    runId: 'run_1',
    clipId: id.replace('mom', 'clp'),
    state: 'found',
    stateReason: null,
    revision: 1,
    decision: 'undecided',
    decidedAtMs: null,
    decidedBy: null,
    foundAtMs: 1_700_000_000_000 + peakMs,
    peakWallMs: 1_700_000_000_000 + peakMs,
    clip: null,
    ...fields,
  };
}

function fault(code: string, message: string): TouchlineError {
  return new TouchlineError({ code, message, retryable: false, blame: 'caller' });
}
