import type { WaterfallBody } from '../../../api/schemas/clip.ts';
import { useLoaded } from '../../load.ts';
import { NotFound } from '../../not-found.tsx';
import { spanOf } from '../../words.ts';
import { slowestOf, stretchesOf, wayOf, type Stretch } from './waterfall.ts';
import './operations.css';

/** Whistle to visible, and which step took longest. */
export function WaterfallPage({ params }: { params: Record<string, string> }) {
  const id = params['id'] ?? '';
  const { value, fault, isMissing } = useLoaded<WaterfallBody>(`/clips/${encodeURIComponent(id)}/waterfall`);
  if (isMissing.value) return <NotFound what={`There is no clip "${id}".`} />;
  if (fault.value !== '') {
    return (
      <p class="problem" role="alert">
        {fault.value}
      </p>
    );
  }
  if (!value.value) return <p class="loading">Loading</p>;
  const { steps, isRecording } = wayOf(value.value.steps);
  const stretches = stretchesOf(steps);
  const slowest = slowestOf(stretches);
  const visible = steps.find(({ step }) => step === 'fast-visible' || step === 'exact-visible');
  const endMs = Math.max(1, ...stretches.map(({ toMs }) => toMs));
  return (
    <div class="operations">
      <section class="card" aria-labelledby="waterfall-title">
        <h2 id="waterfall-title">From the moment to the page</h2>
        <p>
          {visible ? (
            <>
              Visible <b>{spanOf(visible.sinceHappenedMs)}</b>{' '}
              {isRecording ? 'after the recording was taken in up to there.' : 'after it happened.'}
            </>
          ) : (
            'Not visible yet.'
          )}{' '}
          {slowest && (
            <>
              The slowest step took <b>{spanOf(slowest.toMs - slowest.fromMs)}</b>: {slowest.words}
              {slowest.instanceId !== undefined && ` on ${slowest.instanceId}`}.
            </>
          )}
        </p>
        <ol class="waterfall">
          {stretches.map((stretch) => (
            <Bar key={stretch.step} stretch={stretch} endMs={endMs} isSlowest={stretch === slowest} />
          ))}
        </ol>
        <p>
          <a href={`/clips/${value.value.clipId}`}>To the clip</a>
        </p>
      </section>
    </div>
  );
}

function Bar({ stretch, endMs, isSlowest }: { stretch: Stretch; endMs: number; isSlowest: boolean }) {
  const { words, fromMs, toMs, instanceId } = stretch;
  const share = (ms: number): string => `${Math.max(0, (ms / endMs) * 100)}%`;
  return (
    <li class={isSlowest ? 'slowest' : ''}>
      <span>
        {words}
        {instanceId !== undefined && <span class="muted"> {instanceId}</span>}
      </span>
      <span class="track" aria-hidden="true">
        <span class="bar" style={{ marginLeft: share(fromMs), width: share(toMs - fromMs) }} />
      </span>
      <span class="number">{spanOf(toMs - fromMs)}</span>
    </li>
  );
}
