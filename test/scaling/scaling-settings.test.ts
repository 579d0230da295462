import { describe, expect, it } from 'vitest';

import { readSettings } from '../../core/settings.ts';
import { checkScaling, scalingSettings } from '../../scaling/scaling-settings.ts';

function read(env: Record<string, string>, text?: string) {
  const file = text === undefined ? undefined : { path: '/etc/tl/touchline.yaml', text };
  return readSettings(scalingSettings, { env, cwd: '/home', file }).values;
}

describe('the settings of scaling', () => {
  it('are processes of this machine when nothing is said', () => {
    expect(read({})).toEqual({
      scaling: 'local',
      scalingPools: [],
      scalingRegion: undefined,
      scalingPolicy: undefined,
    });
  });

  it('name groups in the order of preference, in the environment', () => {
    const { scalingPools } = read({
      TOUCHLINE_SCALING_POOLS: ' tl-spot power=1 usd=0.37 ,tl/od usd=1.208 power=1.5, t4 usd=0,',
    });
    expect(scalingPools).toEqual([
      { name: 'tl-spot', power: 1, dollarsPerHour: 0.37 },
      { name: 'tl/od', power: 1.5, dollarsPerHour: 1.208 },
      { name: 't4', power: 1, dollarsPerHour: 0 },
    ]);
  });

  it('and in the file, where the path of the policy is relative to it', () => {
    const values = read(
      {},
      'scaling:\n  provider: asg\n  region: ap-south-1\n  policy: fleet.yaml\n  pools:\n    - a usd=1\n    - b usd=2\n',
    );
    expect(values).toMatchObject({
      scaling: 'asg',
      scalingRegion: 'ap-south-1',
      scalingPolicy: '/etc/tl/fleet.yaml',
      scalingPools: [{ name: 'a' }, { name: 'b' }],
    });
  });

  it.each([
    'tl-spot',
    'tl-spot power=1',
    'tl-spot power=0 usd=1',
    'tl-spot power=-1 usd=1',
    'tl-spot usd=1e3',
    'tl-spot usd=1 usd=2',
    'tl-spot usd=1 price=2',
    'power=1 usd=1',
    'tl-spot usd=1, tl-spot usd=2',
    Array.from({ length: 21 }, (_, index) => `g${index} usd=1`).join(','),
  ])('refuse "%s"', (text) => {
    expect(() => read({ TOUCHLINE_SCALING_POOLS: text })).toThrow(
      /TOUCHLINE_SCALING_POOLS must be up to 20 different groups .* such as "tl-spot power=1 usd=0.37/,
    );
  });

  it('refuse a provider that there is not', () => {
    expect(() => read({ TOUCHLINE_SCALING: 'k8s' })).toThrow(
      /TOUCHLINE_SCALING must be local .* or off \(got "k8s"\)/,
    );
  });

  it('want a group for asg alone', () => {
    expect(() => checkScaling(read({ TOUCHLINE_SCALING: 'asg' }))).toThrow(
      /TOUCHLINE_SCALING_POOLS must name/,
    );
    expect(() => checkScaling(read({ TOUCHLINE_SCALING: 'dry-run' }))).not.toThrow();
    const groups = { TOUCHLINE_SCALING: 'asg', TOUCHLINE_SCALING_POOLS: 'a usd=1' };
    expect(() => checkScaling(read(groups))).not.toThrow();
  });
});
