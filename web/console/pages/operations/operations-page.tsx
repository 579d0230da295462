import { useEffect } from 'preact/hooks';

import type { OperationsView } from '../../../api/schemas/operations.ts';
import { bindKeys } from '../../keys.ts';
import { lazy } from '../../lazy.tsx';
import { useLoaded } from '../../load.ts';
import { bytesOf, dateOf, spanOf } from '../../words.ts';
import { DeadCuts } from './dead-cuts.tsx';
import { DeadSegments } from './dead-segments.tsx';
import './operations.css';

const everyMs = 5_000;
const Charts = lazy<{ history: OperationsView['history'] }>(
  async () => (await import('./charts.tsx')).Charts,
);

/** One place that says whether anything is late, and why. */
export function OperationsPage(_props: { params: Record<string, string> }) {
  const view = useLoaded<OperationsView>('/operations', everyMs);
  useEffect(
    () => bindKeys('Operations', [{ key: 'r', does: 'read again', isUsual: true, act: () => view.again() }]),
    [view],
  );
  const now = view.value.value;
  if (!now)
    return view.fault.value === '' ? (
      <p class="loading">Loading</p>
    ) : (
      <p class="problem">{view.fault.value}</p>
    );
  return (
    <div class="operations">
      {view.fault.value !== '' && <p class="problem">{view.fault.value}; what follows is old</p>}
      <BigNumbers now={now} />
      <section class="card" aria-labelledby="charts-title">
        <h2 id="charts-title">The last hour</h2>
        <Charts history={now.history} />
      </section>
      <Workers now={now} />
      <Decisions decisions={now.decisions} />
      <Failures failures={now.failures} />
      <DeadCuts cuts={now.deadCuts} onRecut={view.again} />
      <DeadSegments />
    </div>
  );
}

function BigNumbers({ now }: { now: OperationsView }) {
  const { momentLatency, oldestJobAgeMs, jobsPerMinute, failureShare, workers, storageLeftBytes } = now;
  // One that has drained is on record for a minute longer.
  const here = workers.filter(({ state }) => state !== 'drained');
  const busy = here.reduce((sum, { jobIds }) => sum + jobIds.length, 0);
  const slots = here.reduce((sum, { slotCount }) => sum + slotCount, 0);
  const waiting = now.waiting.reduce((sum, { count }) => sum + count, 0);
  const numbers = [
    ['Moment to page, p95', momentLatency.p95Ms === null ? 'none yet' : spanOf(momentLatency.p95Ms)],
    ['Oldest job', oldestJobAgeMs === null ? 'none waits' : spanOf(oldestJobAgeMs)],
    ['Waiting', String(waiting)],
    [
      'Per machine',
      now.backlogPerInstance === null ? 'no machine' : String(Math.round(now.backlogPerInstance * 10) / 10),
    ],
    ['Jobs a minute', String(jobsPerMinute)],
    ['Failed, last hour', `${(failureShare * 100).toFixed(1)} %`],
    ['Slots busy', `${busy} of ${slots}`],
    ['Room in the store', storageLeftBytes === null ? 'a bucket' : bytesOf(storageLeftBytes)],
  ] as const;
  return (
    <dl class="big-numbers">
      {numbers.map(([label, value]) => (
        <div key={label} class="card">
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Workers({ now: { workers, atMs } }: { now: OperationsView }) {
  return (
    <section class="card" aria-labelledby="workers-title">
      <h2 id="workers-title">Workers</h2>
      {workers.length === 0 && <p class="warn">Nobody works: what waits goes on waiting.</p>}
      {workers.length > 0 && (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>Machine</th>
                <th>State</th>
                <th class="number">In hand</th>
                <th class="number">Done</th>
                <th>Last heard</th>
              </tr>
            </thead>
            <tbody>
              {workers.map((worker) => (
                <tr key={worker.workerId}>
                  <td>
                    {worker.instanceId} <span class="muted mono">{worker.workerId}</span>
                  </td>
                  <td class={worker.isDeviceOk ? '' : 'bad'}>
                    {worker.state}
                    {!worker.isDeviceOk && ', its device fails'}
                  </td>
                  <td class="number">
                    {worker.jobIds.length} of {worker.slotCount}
                  </td>
                  <td class="number">{worker.completedCount}</td>
                  <td>{spanOf(Math.max(0, atMs - worker.lastBeatAtMs))} ago</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Decisions({ decisions }: { decisions: OperationsView['decisions'] }) {
  return (
    <section class="card" aria-labelledby="decisions-title">
      <h2 id="decisions-title">Why there are so many workers</h2>
      {decisions.length === 0 && <p class="muted">Nothing was decided yet.</p>}
      {decisions.length > 0 && (
        <div class="table">
          <table>
            <thead>
              <tr>
                <th>When</th>
                <th class="number">Needed</th>
                <th class="number">Wanted</th>
                <th>Why</th>
              </tr>
            </thead>
            <tbody>
              {decisions.map(({ id, atMs, neededCount, desiredCount, reason }) => (
                <tr key={id}>
                  <td>{dateOf(atMs)}</td>
                  <td class="number">{neededCount}</td>
                  <td class="number">{desiredCount}</td>
                  <td>{reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Failures({ failures }: { failures: OperationsView['failures'] }) {
  return (
    <section class="card" aria-labelledby="failures-title">
      <h2 id="failures-title">Failures of the last day</h2>
      {failures.length === 0 && <p class="muted">None.</p>}
      {failures.map(({ code, kind, count, lastAtMs, example }) => (
        <details key={`${kind}-${code}`} class="failure">
          <summary>
            <b>{code}</b> in {kind}, {count === 1 ? 'once' : `${count} times`}
            {lastAtMs !== null && <span class="muted">, last {dateOf(lastAtMs)}</span>}
          </summary>
          <pre>{example}</pre>
        </details>
      ))}
    </section>
  );
}
