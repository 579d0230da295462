import { describe, expect, it } from 'vitest';

import {
  channelRequest,
  channelSpec,
  channelUpdate,
  groupRequest,
  inputRequest,
  inputSpec,
  runOfUrl,
} from '../../../ingest/medialive/channel-settings.ts';
import { refusalOf } from '../../../ingest/medialive/refusal.ts';
import { readSegmentKey, runFolder } from '../../../ingest/medialive/watch-key.ts';
import { desiredChannel, place } from './reconciler-world.ts';

const plan = { ...place, ...desiredChannel('ch_a'), expiresAtMs: 1_800_000_000_000 };

describe('the request for a channel', () => {
  it('has the settings that clips and the bill depend on', () => {
    const { EncoderSettings: encoder } = channelRequest(plan, '2');
    expect(encoder.VideoDescriptions).toHaveLength(1);
    expect(encoder.VideoDescriptions[0]?.CodecSettings.H264Settings).toMatchObject({
      GopSize: 1,
      GopSizeUnits: 'SECONDS',
      GopClosedCadence: 1,
      SceneChangeDetect: 'DISABLED',
    });
    expect(encoder.OutputGroups).toHaveLength(1);
    expect(encoder.OutputGroups[0]?.OutputGroupSettings.HlsGroupSettings).toMatchObject({
      SegmentLength: 4,
      ProgramDateTime: 'INCLUDE',
      ProgramDateTimePeriod: 4,
      InputLossAction: 'PAUSE_OUTPUT',
      Mode: 'VOD',
    });
    const [output] = encoder.OutputGroups[0]?.Outputs ?? [];
    expect(output?.OutputSettings.HlsOutputSettings.SegmentModifier).toBe('_$dt$_');
    const named = encoder.AudioDescriptions.map(({ AudioSelectorName }) => AudioSelectorName);
    const [attachment] = channelRequest(plan, '2').InputAttachments;
    expect(attachment?.InputSettings.AudioSelectors.map(({ Name }) => Name)).toEqual(named);
  });

  it('writes where the watcher reads', () => {
    const [destination] = channelRequest(plan, '2').Destinations;
    const [url] = (destination?.Settings ?? []).map(({ Url }) => Url);
    const key = `${url?.replace('s3ssl://media/', '')}_20260102T030405_00001.ts`;
    expect(key.startsWith(runFolder(place.prefix, plan))).toBe(true);
    expect(readSegmentKey(place.prefix, key)).toMatchObject({
      channelId: 'ch_a',
      runId: 'run_1',
      pipeline: 0,
    });
    expect(runOfUrl(url, place.prefix, 'ch_a')).toBe('run_1');
    expect(runOfUrl(url, place.prefix, 'ch_b')).toBeUndefined();
    expect(runOfUrl('s3ssl://media/other/v', place.prefix, 'ch_a')).toBeUndefined();
  });

  it('has one RequestId for one generation, and another for the next, for inputs apart', () => {
    const idOf = (generation: number) =>
      channelRequest({ ...plan, channelGeneration: generation }, '2').RequestId;
    expect(idOf(1)).toBe(idOf(1));
    expect(idOf(2)).not.toBe(idOf(1));
    expect(inputRequest(plan, '3').RequestId).not.toBe(idOf(1));
    expect(channelRequest({ ...plan, env: 'other' }, '2').RequestId).not.toBe(idOf(1));
    expect(channelRequest({ ...plan, runId: 'run_2' }, '2').RequestId).toBe(idOf(1));
  });

  it('says in its name which settings it has, whatever its run', () => {
    expect(channelUpdate(plan, '2').Name.endsWith(`-${channelSpec(plan)}`)).toBe(true);
    expect(channelSpec({ ...plan, runId: 'run_2' })).toBe(channelSpec(plan));
    expect(channelSpec({ ...plan, segmentMs: 6000 })).not.toBe(channelSpec(plan));
    expect(inputSpec({ ...plan, passphraseArn: 'arn' })).not.toBe(inputSpec(plan));
  });

  it('lets in who may push, and nobody else', () => {
    expect(groupRequest(plan).WhitelistRules).toEqual([{ Cidr: '203.0.113.7/32' }]);
    expect(inputRequest(plan, '3')).toMatchObject({
      Type: 'RTMP_PUSH',
      InputSecurityGroups: ['3'],
      Destinations: [{ StreamName: `ch_a/${plan.streamKey}-a` }],
    });
  });
});

describe('refusalOf', () => {
  const listing = { channels: [], inputs: [], groups: [] };
  const quotas = { channels: 1, pushInputs: 1, pullInputs: 1, groups: 1 };
  const channel = { isStandard: false, isPush: true, needsGroup: true };
  const ask = { listing, quotas, observed: undefined, channel, runningUsdPerHour: 0, usdPerHourMax: 1 };
  const group = { id: '3', arn: 'a', tags: {}, state: 'IN_USE' as const };

  it.each([
    ['there is room for one', {}, undefined],
    ['the quotas are not known', { quotas: undefined, listing: { ...listing, groups: [group] } }, undefined],
    [
      'somebody else has the only group',
      { listing: { ...listing, groups: [group] } },
      /1 MediaLive input security groups/,
    ],
    [
      'a deleted one does not count',
      { listing: { ...listing, groups: [{ ...group, state: 'DELETED' as const }] } },
      undefined,
    ],
    ['no push input is left', { quotas: { ...quotas, pushInputs: 0 } }, /push inputs/],
    ['a pull input is another quota', { quotas: { ...quotas, pullInputs: 0 } }, undefined],
    ['one dollar is the limit, and it costs as much', { usdPerHourMax: 0.996 }, undefined],
    ['a little less than it costs', { usdPerHourMax: 0.995 }, /about \$1\.00 an hour/],
    ['another one runs', { runningUsdPerHour: 0.996 }, /TOUCHLINE_MEDIALIVE_USD_PER_HOUR/],
    ['two pipelines cost twice', { channel: { ...channel, isStandard: true } }, /\$1\.99/],
  ])('%s', (_title, change, message) => {
    const refusal = refusalOf({ ...ask, ...change });
    if (message === undefined) expect(refusal).toBeUndefined();
    else expect(refusal).toMatch(message);
  });
});
