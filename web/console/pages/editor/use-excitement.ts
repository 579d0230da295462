import { useSignal, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { TimelineAnswer } from '../../../api/schemas/timeline.ts';
import { ask } from '../../api.ts';
import type { Curve } from '../../timeline/timeline-data.ts';
import { type FrameClock, msOfFrame } from './frame-clock.ts';

/** The excitement over the file that is edited; undefined until it is there, and where it cannot be had. */
export function useExcitement(runId: string, clock: FrameClock): Signal<Curve | undefined> {
  const curve = useSignal<Curve | undefined>(undefined);
  useEffect(() => {
    const fromMs = Math.max(0, Math.floor(clock.startMs));
    const toMs = Math.ceil(msOfFrame(clock, clock.frameCount));
    ask<TimelineAnswer>(`/runs/${runId}/timeline?fromMs=${fromMs}&toMs=${toMs}&points=600`).then(
      ({ curve: { startMs, stepMs, max } }) => {
        curve.value = {
          atMs: max.map((_, nth) => startMs + (nth + 0.5) * stepMs),
          values: max.map((value) => value ?? Number.NaN),
        };
      },
      // The strip is of use without it.
      () => {},
    );
  }, [runId, clock]);
  return curve;
}
