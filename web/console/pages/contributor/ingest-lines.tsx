import { useSignal } from '@preact/signals';

import type { ContributorPage } from '../../../api/schemas/contributor.ts';
import { CopyButton } from '../../form.tsx';

type Ingest = NonNullable<ContributorPage['ingest']>;

const toolNames: Record<Ingest['lines'][number]['tool'], string> = {
  obs: 'OBS',
  ffmpeg: 'ffmpeg',
  larix: 'Larix',
  vmix: 'vMix',
};

/** Ready lines for the tool at hand, each with a button that copies it. */
export function IngestLines({ ingest }: { ingest: Ingest }) {
  const tool = useSignal(ingest.lines[0]?.tool);
  const shown = ingest.lines.find((line) => line.tool === tool.value) ?? ingest.lines[0];
  return (
    <section class="card ingest" aria-label="How to send the feed">
      <h2>How to send</h2>
      <div class="tools" role="group" aria-label="Your tool">
        {ingest.lines.map((line) => (
          <button
            key={line.tool}
            type="button"
            aria-pressed={line === shown}
            onClick={() => (tool.value = line.tool)}
          >
            {toolNames[line.tool]}
          </button>
        ))}
      </div>
      <dl class="lines">
        {shown?.fields.map(({ label, value }) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <code>{value}</code>
              <CopyButton text={value} label={`Copy ${label}`} />
            </dd>
          </div>
        ))}
      </dl>
      {ingest.key === null && (
        <p class="muted">The key is not on this page: use the one that you were given.</p>
      )}
    </section>
  );
}
