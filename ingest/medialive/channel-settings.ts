import { createHash } from 'node:crypto';

import type { InputWish } from './input-wish.ts';
import { cidrsOf, isStandardWish } from './input-wish.ts';
import { pipelineFolder, playlistName, runFolder, type Pipeline } from './watch-key.ts';

/**
 * What MediaLive is asked for, built from what is wanted: pure, and the only place where its settings stand. The reasons are
 * in docs/medialive.md.
 */
export interface ChannelPlan {
  env: string;
  channelId: string;
  input: InputWish;
  segmentMs: number;
  runId: string;
  /** The role that MediaLive takes to write into the bucket. */
  roleArn: string;
  bucket: string;
  prefix: string;
  maxBitrateBps: number;
  channelGeneration: number;
  inputGeneration: number;
  /** Of the SRT passphrase, when there is one. */
  passphraseArn: string | undefined;
  /** Drawn, at least 128 bits: whoever knows it may push RTMP, from the ranges that are let in. */
  streamKey: string;
  expiresAtMs: number;
}

export type GroupRequest = ReturnType<typeof groupRequest>;
export type InputRequest = ReturnType<typeof inputRequest>;
export type ChannelRequest = ReturnType<typeof channelRequest>;
export type ChannelUpdate = ReturnType<typeof channelUpdate>;

/** In front of all our tags. What does not carry them is not ours, and is never touched. */
export const tagNames = {
  env: 'touchline:env',
  channel: 'touchline:channel',
  generation: 'touchline:gen',
  spec: 'touchline:spec',
  expires: 'touchline:expires',
} as const;

export function groupRequest(plan: ChannelPlan) {
  return {
    Tags: tagsOf(plan, plan.inputGeneration, groupSpec(plan)),
    WhitelistRules: (cidrsOf(plan.input) ?? []).map((Cidr) => ({ Cidr })),
  };
}

export function inputRequest(plan: ChannelPlan, groupId: string | undefined) {
  return {
    Name: `touchline-${plan.env}-${plan.channelId}`,
    // "Handled exactly once in case of retries": a lost answer makes no second input.
    RequestId: requestId(plan, 'input', plan.inputGeneration),
    Tags: tagsOf(plan, plan.inputGeneration, inputSpec(plan)),
    ...(groupId === undefined ? {} : { InputSecurityGroups: [groupId] }),
    ...sourceOf(plan),
  };
}

export function channelRequest(plan: ChannelPlan, inputId: string) {
  return {
    ...channelUpdate(plan, inputId),
    ChannelClass: isStandardWish(plan.input) ? ('STANDARD' as const) : ('SINGLE_PIPELINE' as const),
    RequestId: requestId(plan, 'channel', plan.channelGeneration),
    Tags: tagsOf(plan, plan.channelGeneration, ''),
  };
}

/** Everything that may change while the channel is IDLE; a new run is a new destination. */
export function channelUpdate(plan: ChannelPlan, inputId: string) {
  return {
    // An update takes no tags, and a list shows no encoder settings: the name is what says which settings these are.
    Name: `touchline-${plan.env}-${plan.channelId}-${channelSpec(plan)}`,
    RoleArn: plan.roleArn,
    LogLevel: 'WARNING' as const,
    InputSpecification: {
      Codec: 'AVC' as const,
      MaximumBitrate: 'MAX_20_MBPS' as const,
      Resolution: 'HD' as const,
    },
    InputAttachments: [
      {
        InputAttachmentName: 'feed',
        InputId: inputId,
        InputSettings: {
          SourceEndBehavior: 'CONTINUE' as const,
          AudioSelectors: [{ Name: audioSelector }],
        },
      },
    ],
    Destinations: [
      { Id: destinationId, Settings: pipelinesOf(plan).map((pipeline) => ({ Url: urlOf(plan, pipeline) })) },
    ],
    EncoderSettings: encoderSettings(plan),
  };
}

/** The run whose folder an address leads to; undefined for one that we do not write. */
export function runOfUrl(url: string | undefined, prefix: string, channelId: string): string | undefined {
  const path = /^s3ssl:\/\/[^/]+\/(.+)$/.exec(url ?? '')?.[1] ?? '';
  const folder = runFolder(prefix, { channelId, runId: '' }).slice(0, -1);
  return path.startsWith(folder) ? path.slice(folder.length).split('/')[0] : undefined;
}

export function groupSpec({ input }: Pick<ChannelPlan, 'input'>): string {
  return digest(cidrsOf(input) ?? []);
}

/** Changes when an input would have to be made anew. */
export function inputSpec(plan: Pick<ChannelPlan, 'input' | 'passphraseArn'>): string {
  return digest({ input: plan.input, passphraseArn: plan.passphraseArn });
}

/** Changes when the channel has to be updated before it starts again, apart from its run. */
export function channelSpec(plan: ChannelPlan): string {
  const { segmentMs, roleArn, maxBitrateBps, bucket, prefix } = plan;
  return digest({ encoder: encoderSettings(plan), segmentMs, roleArn, maxBitrateBps, bucket, prefix });
}

export function pipelineCount(input: InputWish): 1 | 2 {
  return isStandardWish(input) ? 2 : 1;
}

function tagsOf(plan: ChannelPlan, generation: number, spec: string): Record<string, string> {
  return {
    [tagNames.env]: plan.env,
    [tagNames.channel]: plan.channelId,
    [tagNames.generation]: String(generation),
    [tagNames.expires]: new Date(plan.expiresAtMs).toISOString(),
    ...(spec === '' ? {} : { [tagNames.spec]: spec }),
  };
}

function requestId(plan: ChannelPlan, kind: 'input' | 'channel', generation: number): string {
  return digest([plan.env, plan.channelId, kind, generation]);
}

function sourceOf({ channelId, input, roleArn, passphraseArn, streamKey }: ChannelPlan) {
  const decryption = passphraseArn && { Algorithm: 'AES256' as const, PassphraseSecretArn: passphraseArn };
  switch (input.type) {
    case 'rtmp-push':
      return {
        Type: 'RTMP_PUSH' as const,
        // Application and instance are all that MediaLive asks of a publisher.
        Destinations: (input.isStandard ? ['a', 'b'] : ['a']).map((pipeline) => ({
          StreamName: `${channelId}/${streamKey}-${pipeline}`,
        })),
      };
    case 'rtp-push':
      return { Type: 'RTP_PUSH' as const };
    case 'srt-listener':
      return {
        Type: 'SRT_LISTENER' as const,
        SrtSettings: {
          SrtListenerSettings: {
            MinimumLatency: input.latencyMs,
            Decryption: decryption || undefined,
            ...(input.streamId === undefined ? {} : { StreamId: input.streamId }),
          },
        },
      };
    case 'srt-caller':
      return {
        Type: 'SRT_CALLER' as const,
        SrtSettings: {
          SrtCallerSources: input.callers.map(({ host, port }) => ({
            SrtListenerAddress: host,
            SrtListenerPort: String(port),
            MinimumLatency: input.latencyMs,
            ...(input.streamId === undefined ? {} : { StreamId: input.streamId }),
            ...(decryption ? { Decryption: decryption } : {}),
          })),
        },
      };
    case 'url-pull':
      return { Type: 'URL_PULL' as const, Sources: input.urls.map((Url) => ({ Url })) };
    case 'mp4-file':
      return { Type: 'MP4_FILE' as const, Sources: input.urls.map((Url) => ({ Url })) };
    case 'mediaconnect':
      return {
        Type: 'MEDIACONNECT' as const,
        MediaConnectFlows: input.flowArns.map((FlowArn) => ({ FlowArn })),
        RoleArn: roleArn,
      };
  }
}

function encoderSettings({ segmentMs, maxBitrateBps }: ChannelPlan) {
  const segmentSeconds = Math.round(segmentMs / 1000);
  return {
    TimecodeConfig: { Source: 'SYSTEMCLOCK' as const },
    GlobalConfiguration: {
      InputEndAction: 'NONE' as const,
      InputLossBehavior: { RepeatFrameMsec: 1000, BlackFrameMsec: 1_000_000 },
    },
    ThumbnailConfiguration: { State: 'AUTO' as const },
    AudioDescriptions: [
      {
        Name: 'sound',
        AudioSelectorName: audioSelector,
        CodecSettings: {
          AacSettings: { Bitrate: 128_000, CodingMode: 'CODING_MODE_2_0' as const, SampleRate: 48_000 },
        },
      },
    ],
    VideoDescriptions: [
      {
        Name: 'picture',
        // No size: that of the input is kept, and with it the one rendition that is paid for.
        CodecSettings: {
          H264Settings: {
            // Clips are cut by stream copy at keyframes: one a second, closed, and none at a scene change in between.
            GopSize: 1,
            GopSizeUnits: 'SECONDS' as const,
            GopClosedCadence: 1,
            SceneChangeDetect: 'DISABLED' as const,
            RateControlMode: 'QVBR' as const,
            MaxBitrate: maxBitrateBps,
            FramerateControl: 'INITIALIZE_FROM_SOURCE' as const,
            ParControl: 'INITIALIZE_FROM_SOURCE' as const,
            Profile: 'HIGH' as const,
          },
        },
      },
    ],
    OutputGroups: [
      {
        Name: 'store',
        OutputGroupSettings: {
          HlsGroupSettings: {
            Destination: { DestinationRefId: destinationId },
            // The bucket's owner is the writer's account: no ACL, which buckets refuse by default.
            HlsCdnSettings: { HlsS3Settings: {} },
            SegmentLength: segmentSeconds,
            ProgramDateTime: 'INCLUDE' as const,
            ProgramDateTimePeriod: segmentSeconds,
            ProgramDateTimeClock: 'SYSTEM_CLOCK' as const,
            ManifestDurationFormat: 'FLOATING_POINT' as const,
            OutputSelection: 'VARIANT_MANIFESTS_AND_SEGMENTS' as const,
            DiscontinuityTags: 'INSERT' as const,
            IncompleteSegmentBehavior: 'AUTO' as const,
            // LIVE deletes behind itself: a queue that is slow would find nothing.
            Mode: 'VOD' as const,
            DirectoryStructure: 'SINGLE_DIRECTORY' as const,
            // Anything else sends black pictures to be analysed and paid for while no feed is there.
            InputLossAction: 'PAUSE_OUTPUT' as const,
            RedundantManifest: 'DISABLED' as const,
          },
        },
        Outputs: [
          {
            OutputName: 'segments',
            VideoDescriptionName: 'picture',
            AudioDescriptionNames: ['sound'],
            OutputSettings: {
              HlsOutputSettings: {
                // The counter restarts with the channel and would overwrite: the time makes each name its own.
                SegmentModifier: '_$dt$_',
                HlsSettings: { StandardHlsSettings: { M3u8Settings: {} } },
              },
            },
          },
        ],
      },
    ],
  };
}

function pipelinesOf(plan: ChannelPlan): Pipeline[] {
  return isStandardWish(plan.input) ? [0, 1] : [0];
}

/** Path and base name: MediaLive puts modifier, counter and ending behind it. */
function urlOf(plan: ChannelPlan, pipeline: Pipeline): string {
  const folder = pipelineFolder(runFolder(plan.prefix, plan), pipeline);
  return `s3ssl://${plan.bucket}/${folder}${playlistName.replace('.m3u8', '')}`;
}

const destinationId = 'store';
const audioSelector = 'default';

/** 128 bits in hex, the same for the same content. */
function digest(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32);
}
