import { resolve } from 'node:path';

import { z } from 'zod';

import { TouchlineError } from '../core/errors.ts';
import type { SettingsOf } from '../core/settings.ts';

export const scalingSettings = {
  /** Who carries out how many workers there shall be. */
  scaling: {
    env: 'TOUCHLINE_SCALING',
    path: 'scaling.provider',
    schema: z
      .enum(
        ['local', 'asg', 'dry-run', 'off'],
        'must be local (processes of this machine), asg (EC2 Auto Scaling), dry-run (decides, and does nothing) or off',
      )
      .default('local'),
  },
  /** Auto Scaling groups, the preferred one first; its first word is the name: `tl-spot power=1 usd=0.37`. */
  scalingPools: {
    env: 'TOUCHLINE_SCALING_POOLS',
    path: 'scaling.pools',
    schema: z.string().default('').transform(parsePools),
  },
  /** Undefined = where the SDK looks: AWS_REGION, the profile. */
  scalingRegion: {
    env: 'TOUCHLINE_SCALING_REGION',
    path: 'scaling.region',
    schema: z
      .string()
      .regex(/^[a-z]{2,3}(-[a-z]+)+-\d$/, 'must be a region such as eu-west-1')
      .optional(),
  },
  /** A file of YAML or JSON with what differs from the default policy (docs/scaling.md). */
  scalingPolicy: {
    env: 'TOUCHLINE_SCALING_POLICY',
    path: 'scaling.policy',
    schema: z.string().optional(),
    resolve: (text: string, folder: string): string => resolve(folder, text),
  },
};

/** One Auto Scaling group. Its name is the group's. */
export interface PoolSetting {
  name: string;
  /** Work seconds per second of one machine. */
  power: number;
  dollarsPerHour: number;
}

/**
 * What does not show in one setting alone.
 *
 * @throws TouchlineError `config.invalid`
 */
export function checkScaling({
  scaling,
  scalingPools,
}: Pick<SettingsOf<typeof scalingSettings>, 'scaling' | 'scalingPools'>): void {
  if (scaling !== 'asg' || scalingPools.length > 0) return;
  throw new TouchlineError({
    code: 'config.invalid',
    message:
      'TOUCHLINE_SCALING_POOLS must name at least one Auto Scaling group when TOUCHLINE_SCALING is asg, ' +
      `such as "${example}" (got nothing)`,
    retryable: false,
    blame: 'caller',
  });
}

const example = 'tl-spot power=1 usd=0.37, tl-on-demand power=1 usd=1.21';
/** One DescribeAutoScalingGroups names no more. */
const poolCountMax = 20;

function parsePools(text: string, context: z.RefinementCtx): PoolSetting[] {
  const parts = text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
  const pools = parts.map(parsePool);
  const names = new Set(pools.map((pool) => pool?.name));
  if (pools.every((pool) => pool !== undefined) && names.size === pools.length && names.size <= poolCountMax)
    return pools;
  context.addIssue({
    code: 'custom',
    message: `must be up to ${poolCountMax} different groups with the power of a machine (1 = one GPU of the first kind) and its price, such as "${example}"`,
  });
  return z.NEVER;
}

function parsePool(text: string): PoolSetting | undefined {
  const [name = '', ...rest] = text.split(/\s+/);
  const said = new Map(rest.map((part) => part.split('=', 2) as [string, string | undefined]));
  const power = amount(said.get('power') ?? '1');
  const dollarsPerHour = amount(said.get('usd'));
  const isKnown = [...said.keys()].every((key) => key === 'power' || key === 'usd');
  if (!/^[^=]{1,255}$/.test(name) || !isKnown || said.size !== rest.length) return undefined;
  if (power === undefined || power === 0 || dollarsPerHour === undefined) return undefined;
  return { name, power, dollarsPerHour };
}

function amount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,4}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined;
}
