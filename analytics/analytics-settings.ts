import { resolve } from 'node:path';

import { z } from 'zod';

import { list } from '../core/setting-schemas.ts';
import type { DeviceWish } from './inference/device.ts';

const devices = ['auto', 'cpu', 'cuda'] as const satisfies readonly DeviceWish[];

export const analyticsSettings = {
  /** Absolute folders with further model manifests. */
  modelFolders: {
    env: 'TOUCHLINE_MODELS',
    path: 'analytics.models',
    schema: list(':'),
    separator: ':',
    resolve: (text: string, folder: string): string =>
      text
        .split(':')
        .map((part) => (part.trim() === '' ? '' : resolve(folder, part.trim())))
        .join(':'),
  },
  device: {
    env: 'TOUCHLINE_DEVICE',
    path: 'analytics.device',
    schema: z.enum(devices, `must be one of ${devices.join(', ')}`).default('auto'),
  },
};
