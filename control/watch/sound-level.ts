import { joinSeries, signalNames, type Evidence } from '../../analytics/moments/evidence.ts';

export interface LevelSecond {
  /** Of the run. */
  atMs: number;
  db: number;
}

/**
 * The mean level of the sound above 200 Hz, dB below full scale, for each second that was looked at: floor and crest of the crowd
 * detector added up again. Nothing is decoded for it.
 */
export function soundLevels(evidence: Pick<Evidence, 'signals'>): LevelSecond[] {
  const floor = joinSeries(evidence.signals, signalNames.crowdFloor, Infinity);
  const crest = new Map(
    joinSeries(evidence.signals, signalNames.crowdCrest, Infinity).map((one) => [one.atMs, one.value]),
  );
  const seconds = new Map<number, number[]>();
  for (const { atMs, value } of floor) {
    const second = Math.floor(atMs / 1000) * 1000;
    const levels = seconds.get(second) ?? [];
    levels.push(value + (crest.get(atMs) ?? 0));
    seconds.set(second, levels);
  }
  return [...seconds].map(([atMs, levels]) => ({
    atMs,
    db: Math.round((levels.reduce((sum, one) => sum + one, 0) / levels.length) * 10) / 10,
  }));
}
