import type { Baseline } from './baseline.ts';

const utilisation = 0.8;

/** Enough for the peak, all day. It is sized with hindsight, which nobody has. */
export const staticPeak: Baseline = {
  name: 'static peak',
  source: 'capacity planning for the peak at 80 % utilisation',
  everySeconds: 60,
  letGo: { kind: 'drain' },
  create:
    ({ peakBusyCount, countMax }) =>
    () =>
      Math.min(countMax, Math.ceil(peakBusyCount / utilisation)),
};
