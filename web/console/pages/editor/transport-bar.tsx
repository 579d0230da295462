import type { Draft } from './editor-api.ts';
import type { FileTransport } from './file-transport.ts';
import type { FrameClock } from './frame-clock.ts';
import { TimeField } from './time-field.tsx';

export function TransportBar(props: { transport: FileTransport; clock: FrameClock; draft: Draft }) {
  const { transport, clock, draft } = props;
  const speed = transport.speed.value;
  return (
    <div class="transport-bar">
      <button
        type="button"
        class="quiet"
        aria-label="To the in"
        title="To the in (Q)"
        onClick={() => transport.seek(draft.inFrame)}
      >
        ⇤
      </button>
      <button
        type="button"
        class="quiet"
        aria-label="One frame back"
        title="One frame back (,)"
        onClick={() => transport.step(-1)}
      >
        ‹
      </button>
      <button type="button" title="Play, pause (Space)" onClick={() => transport.togglePlay()}>
        {speed === 0 ? 'Play' : 'Pause'}
      </button>
      <button
        type="button"
        class="quiet"
        aria-label="One frame on"
        title="One frame on (.)"
        onClick={() => transport.step(1)}
      >
        ›
      </button>
      <button
        type="button"
        class="quiet"
        aria-label="To the out"
        title="To the out (W)"
        onClick={() => transport.seek(draft.outFrame - 1)}
      >
        ⇥
      </button>
      <button
        type="button"
        class="quiet"
        title="The first and the last two seconds (R)"
        onClick={() => transport.playEdges({ fromFrame: draft.inFrame, toFrame: draft.outFrame })}
      >
        Edges
      </button>
      <span class="shuttle muted">{speed !== 0 && speed !== 1 ? `${speed}×` : ''}</span>
      <TimeField
        id="clip-at"
        label="At"
        clock={clock}
        frame={transport.frame.value}
        isReadOnly={false}
        onFrame={(frame) => transport.seek(frame)}
      />
    </div>
  );
}
