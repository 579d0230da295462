import { ask } from '../../api.ts';
import { useLoaded } from '../../load.ts';
import { may } from '../../session.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { clockOf } from '../../words.ts';

interface DeadSegment {
  id: string;
  runId: string;
  seq: number;
  startMs: number;
  deadReason: string | null;
  attempts: number;
}

/** What nobody could look at, and another chance for it. */
export function DeadSegments() {
  const dead = useLoaded<{ segments: DeadSegment[] }>('/dead?limit=50', 15_000);
  const segments = dead.value.value?.segments ?? [];
  const retry = async (id: string): Promise<void> => {
    await ask(`/segments/${id}/retry`, { method: 'POST' });
    tell('It is tried again');
    dead.again();
  };
  return (
    <section class="card" aria-labelledby="dead-title">
      <h2 id="dead-title">Segments that died</h2>
      {segments.length === 0 && <p class="muted">{dead.fault.value || 'None.'}</p>}
      {segments.length > 0 && (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Run</th>
                <th>At</th>
                <th>Why</th>
                <th class="number">Tries</th>
                <th>
                  <span class="visually-hidden">What to do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {segments.map(({ id, runId, startMs, deadReason, attempts }) => (
                <tr key={id}>
                  <td class="mono">{runId}</td>
                  <td>{clockOf(startMs)}</td>
                  <td>{deadReason}</td>
                  <td class="number">{attempts}</td>
                  <td>
                    {may('operate') && (
                      <button
                        type="button"
                        onClick={() => void retry(id).catch(tellFault('It could not be tried again'))}
                      >
                        Try again
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
