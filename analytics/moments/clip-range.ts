import type { Rules } from '../rules/rules.ts';
import type { Clue, Evidence } from './evidence.ts';
import type { Event } from './look-back.ts';

/** A cut this near before the planned end is a better end. */
const snapMs = 2000;
/** What a roar leaves behind it before the clip may close. */
const fadeMs = 1500;

/**
 * From where the scene opens to where the celebration ends. Undefined while the evidence does not reach the end: the
 * crowd is still up, or the media is not there yet.
 */
export function clipRange(
  event: Event,
  about: { cutsMs: readonly number[]; roars: readonly Clue[]; evidence: Evidence },
  rules: Rules,
): { inMs: number; outMs: number } | undefined {
  const { leadMsMin, leadMs, leadMsMax, tailMsMin, tailMsMax } = rules.clip;
  const { atMs } = event;
  const opening = about.cutsMs.findLast((cut) => cut <= atMs - leadMsMin && cut >= atMs - leadMsMax);
  const inMs = Math.max(0, opening ?? atMs - leadMs);

  const roar = about.roars.findLast((one) => one.atMs <= atMs + rules.crowd.afterMs && one.untilMs >= atMs);
  const calmMs = (roar?.untilMs ?? atMs) + fadeMs;
  const wantedMs = Math.min(Math.max(calmMs, atMs + tailMsMin), atMs + tailMsMax);
  const closing = about.cutsMs.findLast(
    (cut) => cut <= wantedMs && cut >= Math.max(wantedMs - snapMs, atMs + tailMsMin),
  );
  const outMs = closing ?? wantedMs;
  const { isComplete, knownUntilMs } = about.evidence;
  if (wantedMs <= knownUntilMs) return { inMs, outMs };
  return isComplete && knownUntilMs > atMs ? { inMs, outMs: Math.min(outMs, knownUntilMs) } : undefined;
}
