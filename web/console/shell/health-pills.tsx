import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import type { OperationsView } from '../../api/schemas/operations.ts';
import { ask } from '../api.ts';
import { spanOf } from '../words.ts';

/** The two promises that everybody sees: how soon a moment is visible, and how old the oldest work is. */
const figures = signal<OperationsView | undefined>(undefined);
const everyMs = 10_000;

export function HealthPills() {
  useEffect(() => {
    const read = () => {
      if (document.visibilityState === 'hidden') return;
      ask<OperationsView>('/operations').then(
        (view) => (figures.value = view),
        // The dot beside tells that the line is gone; old figures would lie.
        () => (figures.value = undefined),
      );
    };
    read();
    const timer = setInterval(read, everyMs);
    return () => clearInterval(timer);
  }, []);
  if (!figures.value) return <div class="pills" />;
  const { momentLatency, oldestJobAgeMs } = figures.value;
  return (
    <div class="pills">
      {momentLatency.p95Ms !== null && (
        <span class="pill" title="95 of 100 moments were visible this soon after they happened">
          moment p95 <b>{spanOf(momentLatency.p95Ms)}</b>
        </span>
      )}
      <span class="pill" title="How long the oldest waiting work has waited">
        oldest job <b>{oldestJobAgeMs === null ? 'none' : spanOf(oldestJobAgeMs)}</b>
      </span>
    </div>
  );
}
