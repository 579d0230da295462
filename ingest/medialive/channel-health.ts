import type { ChannelEndpoint, ChannelHealth, ChannelState } from '../channel.ts';
import { pipelineCount } from './channel-settings.ts';
import { isOn, isThere } from './decide-action.ts';
import type { Look } from './reconciler.ts';
import type { WatchFigures } from './watch-run.ts';

/** What a look at MediaLive and at the bucket means to a person; pure. */
export function channelHealth(
  { desired, observed, action, trouble }: Look,
  figures: WatchFigures | undefined,
): ChannelHealth {
  const { channelId, failure, wish, runId } = desired;
  const channel = observed.channels.find((one) => isOn(one) && one.runId === runId);
  const advice: string[] = [];
  let state: ChannelState;
  if (wish === 'running' && failure !== undefined) {
    state = 'failed';
    advice.push(failure);
  } else if (wish !== 'running') {
    const isBusy =
      desired.openRunIds.length > 0 || observed.channels.some((one) => isThere(one) && one.state !== 'IDLE');
    state = isBusy ? 'stopping' : 'idle';
  } else if (channel?.state === 'RUNNING') {
    const isFed = figures?.last !== undefined && figures.idleMs < fedMs(desired.segmentMs);
    state = isFed ? 'live' : 'waiting';
    const expected = pipelineCount(desired.input);
    if (channel.pipelinesRunning < expected) {
      if (isFed) state = 'degraded';
      advice.push(
        `${channel.pipelinesRunning} of ${expected} pipelines run: MediaLive restarts the other within minutes`,
      );
    }
  } else if (channel?.state === 'RECOVERING') {
    state = 'degraded';
    advice.push('MediaLive is recovering the channel; the feed goes on by itself');
  } else {
    state = 'starting';
    advice.push('MediaLive takes about three minutes to start a channel, up to ten');
  }
  if (action.kind === 'wait' && action.isOverdue) advice.unshift(action.reason);
  if (trouble !== undefined && state !== 'failed') advice.unshift(trouble);
  if (figures?.lastProblem !== undefined) advice.push(figures.lastProblem);
  const { last } = figures ?? {};
  const seconds = (last?.duration90k ?? 0) / 90_000;
  const rate = last?.video?.frameRate;
  const keyframes = last?.video?.keyframes90k ?? [];
  return {
    channelId,
    state,
    runId: state === 'live' || state === 'degraded' ? runId : undefined,
    sessionId: undefined,
    protocol: undefined,
    bitrateBps: last && seconds > 0 ? Math.round((last.bytes * 8) / seconds) : 0,
    framesPerSecond: rate ? rate.num / rate.den : 0,
    keyframeIntervalMs: keyframes.length > 0 ? Math.round((seconds * 1000) / keyframes.length) : 0,
    width: last?.video?.width ?? 0,
    height: last?.video?.height ?? 0,
    hasAudio: Boolean(last?.audio),
    droppedFrameCount: 0,
    discontinuityCount: figures?.gapCount ?? 0,
    advice,
  };
}

/** Where a contributor pushes to, or where MediaLive fetches from. */
export function endpointsOf({ desired, observed }: Look): ChannelEndpoint[] {
  const { input } = desired;
  switch (input.type) {
    case 'rtmp-push':
    case 'rtp-push':
    case 'srt-listener': {
      const made = observed.inputs.find((one) => isThere(one) && one.generation >= desired.inputGeneration);
      const label = { 'rtmp-push': 'push RTMP to', 'rtp-push': 'push RTP to', 'srt-listener': 'call SRT at' }[
        input.type
      ];
      const endpoints = (made?.endpointUrls ?? []).map((url) => ({ label, url }));
      if (input.type !== 'srt-listener') return endpoints;
      const arn = input.passphraseArn ?? desired.passphraseArn;
      return arn === undefined ? endpoints : [...endpoints, { label: 'passphrase in', url: arn }];
    }
    case 'srt-caller':
      return input.callers.map(({ host, port }) => ({ label: 'calls SRT at', url: `srt://${host}:${port}` }));
    case 'url-pull':
      return input.urls.map((url) => ({ label: 'pulls', url }));
    case 'mp4-file':
      return input.urls.map((url) => ({ label: 'plays', url }));
    case 'mediaconnect':
      return input.flowArns.map((url) => ({ label: 'takes flow', url }));
  }
}

/** A segment is seen up to one length after its end, and now and then the event is missed. */
function fedMs(segmentMs: number): number {
  return 3 * segmentMs + 10_000;
}
