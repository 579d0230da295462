import { asTouchlineError } from '../core/errors.ts';

/** What a script learns from `$?`. The last three follow sysexits(3), so that systemd can tell them apart. */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  invalid: 5,
  auth: 6,
  unavailable: 7,
  dependencyMissing: 69,
  temporary: 75,
  badConfig: 78,
  interrupted: 130,
} as const;

/** First match decides; a code is `<folder>.<what>`. */
const rules: readonly (readonly [RegExp, number])[] = [
  [/^config\.|^model\.|\.no-cuda$|^queue\.(missing|denied|evicts|no-dead-letters)$/, exitCodes.badConfig],
  // Nothing mends itself by a restart: systemd is told to leave it.
  [/^scaling\.(denied|missing-group|weighted-group)$/, exitCodes.badConfig],
  [/^catalogue\.newer/, exitCodes.badConfig],
  [/^process\.missing$|^ffmpeg\.missing$/, exitCodes.dependencyMissing],
  [/\.(not-found|no-file)$/, exitCodes.notFound],
  [/\.(taken|conflict|port-taken)$/, exitCodes.conflict],
  [
    /\.(invalid|corrupt|bad-key|not-media|no-video|unsupported-video|unknown-sport|unreadable)$/,
    exitCodes.invalid,
  ],
  [/^auth\.|\.unauthorized$/, exitCodes.auth],
  [/\.(unavailable|timeout|wall-limit)$/, exitCodes.unavailable],
  [/^store\.full$/, exitCodes.temporary],
  [/^interrupted$|^aborted$/, exitCodes.interrupted],
];

export function exitCodeOf(thrown: unknown): number {
  const { code } = asTouchlineError(thrown);
  return rules.find(([pattern]) => pattern.test(code))?.[1] ?? exitCodes.error;
}
