import { spanOf } from '../../words.ts';
import type { ContextFile, Draft } from './editor-api.ts';
import type { EditorDesk } from './editor-desk.ts';
import type { FileTransport } from './file-transport.ts';
import { frameLabel, framesPerSecond } from './frame-clock.ts';
import { FrameStill } from './frame-still.tsx';
import { TimeField } from './time-field.tsx';
import { limitsOf } from './trim-limits.ts';
import { withIn, withOut } from './trim.ts';

/** The first and the last frame that are shown, so that a cut is judged without playing it; and where they are typed. */
export function CutMonitors(props: {
  desk: EditorDesk;
  context: ContextFile;
  draft: Draft;
  transport: FileTransport | undefined;
  isReadOnly: boolean;
}) {
  const { desk, context, draft, transport, isReadOnly } = props;
  const { clock, url } = context;
  const limits = limitsOf(clock);
  const lastFrame = draft.outFrame - 1;
  const length = draft.outFrame - draft.inFrame;
  const go = (frame: number) => () => transport?.seek(frame);
  const type = (next: { inFrame: number; outFrame: number }, show: number) => {
    desk.setTrim(next);
    transport?.seek(show);
  };
  return (
    <div class="cut-monitors">
      <FrameStill
        url={url}
        clock={clock}
        frame={draft.inFrame}
        label="In"
        said={frameLabel(clock, draft.inFrame)}
        onGo={go(draft.inFrame)}
      />
      <div class="cut-fields">
        <TimeField
          id="clip-in"
          label="In"
          clock={clock}
          frame={draft.inFrame}
          isReadOnly={isReadOnly}
          onFrame={(frame) => {
            const next = withIn(draft, frame, limits);
            type(next, next.inFrame);
          }}
        />
        <TimeField
          id="clip-out"
          label="Out"
          clock={clock}
          frame={lastFrame}
          isReadOnly={isReadOnly}
          onFrame={(frame) => {
            const next = withOut(draft, frame + 1, limits);
            type(next, next.outFrame - 1);
          }}
        />
        <p class="time-field">
          <span class="muted">Length</span>
          <span class="mono">
            {spanOf((length / framesPerSecond(clock)) * 1000)} <span class="muted">{length} frames</span>
          </span>
        </p>
      </div>
      <FrameStill
        url={url}
        clock={clock}
        frame={lastFrame}
        label="Out"
        said={frameLabel(clock, lastFrame)}
        onGo={go(lastFrame)}
      />
    </div>
  );
}
