import { CropPreview } from './crop-preview.tsx';
import type { Aspect } from './crop-window.ts';
import type { ClipState, Draft } from './editor-api.ts';
import type { EditorDesk } from './editor-desk.ts';
import type { FrameClock } from './frame-clock.ts';
import { FilesPanel } from './files-panel.tsx';
import { LinksPanel } from './links-panel.tsx';
import { HistoryPanel } from './history-panel.tsx';
import { WordsPanel } from './words-panel.tsx';

/** Beside the picture: the shapes, the words, the files, the history. */
export function Inspector(props: {
  desk: EditorDesk;
  state: ClipState;
  draft: Draft;
  clock: FrameClock;
  isReadOnly: boolean;
  video: HTMLVideoElement | undefined;
  aspect: Aspect;
  onAspect: (aspect: Aspect) => void;
}) {
  const { desk, state, draft, clock, isReadOnly, video, aspect, onAspect } = props;
  const preview = (shape: Aspect, x: number) => (
    <CropPreview
      key={shape}
      video={video}
      aspect={shape}
      x={x}
      isChosen={aspect === shape}
      onChoose={() => onAspect(shape)}
    />
  );
  return (
    <aside class="inspector" aria-label="Clip">
      <section class="editor-panel" aria-label="Shapes">
        <div class="crop-previews">
          {preview('16:9', 0.5)}
          {preview('9:16', draft.crop['9:16'])}
          {preview('1:1', draft.crop['1:1'])}
        </div>
        {aspect !== '16:9' && !isReadOnly && (
          <p class="muted">Drag the window over the picture, or move it with the arrow keys.</p>
        )}
      </section>
      <WordsPanel desk={desk} draft={draft} isReadOnly={isReadOnly} />
      <FilesPanel desk={desk} state={state} isReadOnly={isReadOnly} />
      {!isReadOnly && <LinksPanel clipId={state.clipId} />}
      <HistoryPanel state={state} clock={clock} />
    </aside>
  );
}
