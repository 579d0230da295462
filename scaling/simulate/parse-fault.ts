import { TouchlineError } from '../../core/errors.ts';
import type { Faults, Window } from './faults.ts';

/** What can be said of `--fault`, each with an example. Minutes count from the start of the day. */
export const faultForms = {
  shortage: 'shortage=200-236:16 (from minute 200 to 236 there are no more than 16 machines to be had)',
  spot: 'spot=0.2:120 (each machine is taken 0.2 times an hour, with 120 s of notice; :0 for none)',
  stale: 'stale=200-210 (nobody can read the load)',
  throttle: 'throttle=0.3 (of all calls to the service so many are turned away)',
  crash: 'crash=200-210 (the controller is dead, and starts anew)',
} as const;

/** @throws TouchlineError `fault.invalid` with what would be right */
export function parseFaults(texts: readonly string[], startMs: number): Faults {
  return texts.map((text) => parseFault(text, startMs)).reduce(merge, {});
}

function parseFault(text: string, startMs: number): Faults {
  const [kind = '', value = ''] = text.split('=');
  const window = windowOf(value, startMs);
  const [first, second] = value.split(':').map(Number);
  switch (kind) {
    case 'shortage':
      if (window && isCount(second)) return { shortages: [{ ...window, countMax: second }] };
      break;
    case 'spot':
      if (isCount(first) && first > 0 && isCount(second))
        return { spot: { killsPerMachineHour: first, noticeSeconds: second } };
      break;
    case 'stale':
      if (window) return { stale: [window] };
      break;
    case 'crash':
      if (window) return { crashes: [window] };
      break;
    case 'throttle':
      if (isCount(first) && first <= 1) return { throttledShare: first };
      break;
  }
  const forms =
    kind in faultForms ? [faultForms[kind as keyof typeof faultForms]] : Object.values(faultForms);
  throw new TouchlineError({
    code: 'fault.invalid',
    message: `--fault ${text} is none that a fleet can be tried with; what can be said: ${forms.join('; ')}`,
    retryable: false,
    blame: 'caller',
  });
}

function merge(one: Faults, other: Faults): Faults {
  return {
    ...one,
    ...other,
    shortages: [...(one.shortages ?? []), ...(other.shortages ?? [])],
    stale: [...(one.stale ?? []), ...(other.stale ?? [])],
    crashes: [...(one.crashes ?? []), ...(other.crashes ?? [])],
  };
}

function windowOf(value: string, startMs: number): Window | undefined {
  const [, from, to] = /^(\d+)-(\d+)(?::\d+)?$/.exec(value) ?? [];
  if (from === undefined || to === undefined || Number(from) >= Number(to)) return undefined;
  return { fromMs: startMs + Number(from) * 60_000, toMs: startMs + Number(to) * 60_000 };
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value) && value >= 0;
}
