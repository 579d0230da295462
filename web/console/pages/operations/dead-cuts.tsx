import { useSignal } from '@preact/signals';

import type { OperationsView } from '../../../api/schemas/operations.ts';
import { cutAgain } from '../../cut-again.ts';
import { may } from '../../session.ts';
import { dateOf } from '../../words.ts';
import { reasonOf, whatIsMissing } from './dead-cut-words.ts';

/** Clips whose newest cut died, and another chance for each. */
export function DeadCuts({ cuts, onRecut }: { cuts: OperationsView['deadCuts']; onRecut: () => void }) {
  const asked = useSignal<ReadonlySet<string>>(new Set());
  const recut = async (clipId: string): Promise<void> => {
    asked.value = new Set([...asked.value, clipId]);
    await cutAgain(clipId);
    asked.value = new Set([...asked.value].filter((id) => id !== clipId));
    onRecut();
  };
  return (
    <section class="card" aria-labelledby="dead-cuts-title">
      <h2 id="dead-cuts-title">Clips whose cut died</h2>
      {cuts.length === 0 && <p class="muted">None.</p>}
      {cuts.length > 0 && (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Clip</th>
                <th>Channel</th>
                <th>Died</th>
                <th>Missing</th>
                <th>Why</th>
                <th>
                  <span class="visually-hidden">What to do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {cuts.map((cut) => (
                <tr key={cut.clipId}>
                  <td>
                    <a href={`/clips/${cut.clipId}`}>{cut.title === '' ? cut.label : cut.title}</a>
                  </td>
                  <td>{cut.channelName}</td>
                  <td>{cut.diedAtMs === null ? '' : dateOf(cut.diedAtMs)}</td>
                  <td>{whatIsMissing(cut)}</td>
                  <td>
                    <Reason why={cut.why} />
                  </td>
                  <td>
                    {may('review') && (
                      <button
                        type="button"
                        disabled={asked.value.has(cut.clipId)}
                        onClick={() => void recut(cut.clipId)}
                      >
                        Cut again
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Reason({ why }: { why: string }) {
  const { line, ffmpegSaid } = reasonOf(why);
  if (ffmpegSaid === undefined) return <>{line}</>;
  return (
    <details class="failure">
      <summary>{line}</summary>
      <pre>{ffmpegSaid}</pre>
    </details>
  );
}
