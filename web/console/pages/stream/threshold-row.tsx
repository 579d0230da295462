import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { ThresholdCounts } from '../../../api/schemas/timeline.ts';
import { readThreshold } from './stream-api.ts';

/** What another threshold would have given. It changes nothing: the rules of the sport hold the one that counts. */
export function ThresholdRow(props: {
  runId: string;
  /** What the rules say. */
  threshold: number;
  /** Where the line is. */
  value: number;
  /** How long the run is: when it has more, it is counted again. */
  endMs: number;
  onInput: (value: number) => void;
}) {
  const { runId, threshold, value, endMs, onInput } = props;
  const counts = useSignal<ThresholdCounts | undefined>(undefined);
  useEffect(() => {
    let isNewest = true;
    // A hand that drags asks for nothing; one that rests does.
    const timer = setTimeout(() => {
      readThreshold(runId, value).then(
        (answer) => {
          if (isNewest) counts.value = answer;
        },
        () => {
          if (isNewest) counts.value = undefined;
        },
      );
    }, 150);
    return () => {
      isNewest = false;
      clearTimeout(timer);
    };
  }, [runId, value, endMs]);

  const count = countAt(counts.value, value);
  const isMoved = Math.abs(value - threshold) > 0.004;
  return (
    <div class="stream-threshold">
      <label for="threshold">Threshold</label>
      <input
        id="threshold"
        type="range"
        min="0.05"
        max="1"
        step="0.01"
        value={value}
        aria-valuetext={`${value.toFixed(2)}, would give ${count ?? 'an unknown number of'} clips`}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
      <output for="threshold">
        {value.toFixed(2)}
        {count !== undefined && (
          <>
            {' '}
            {isMoved ? 'would give' : 'gives'} <b>{count === 1 ? '1 clip' : `${count} clips`}</b>
          </>
        )}
      </output>
      {isMoved && (
        <button type="button" class="quiet" onClick={() => onInput(threshold)}>
          Back to {threshold.toFixed(2)}
        </button>
      )}
    </div>
  );
}

/** The exact answer when it is there; meanwhile the nearest of the series. */
function countAt(counts: ThresholdCounts | undefined, value: number): number | undefined {
  if (!counts) return undefined;
  if (counts.asked && Math.abs(counts.asked.score - value) < 0.001) return counts.asked.count;
  return counts.series.find(({ score }) => score >= value - 0.001)?.count;
}
