import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { ExportDialog } from '../../export-dialog.tsx';
import { may } from '../../session.ts';
import { ConflictDialog } from './conflict-dialog.tsx';
import { CropFrame } from './crop-frame.tsx';
import type { Aspect } from './crop-window.ts';
import { CutMonitors } from './cut-monitors.tsx';
import type { ClipState, ContextFile, Draft } from './editor-api.ts';
import type { EditorDesk } from './editor-desk.ts';
import { EditorHeader } from './editor-header.tsx';
import { useEditorKeys } from './editor-keys.ts';
import { FileTransport } from './file-transport.ts';
import { Inspector } from './inspector.tsx';
import { TransportBar } from './transport-bar.tsx';
import { keepFocus } from './keep-focus.ts';
import { limitsOf } from './trim-limits.ts';
import { TrimStrip } from './trim-strip.tsx';
import { withIn, withOut } from './trim.ts';
import { useExcitement } from './use-excitement.ts';

const shapes: readonly Aspect[] = ['16:9', '9:16', '1:1'];

export function EditorView(props: {
  desk: EditorDesk;
  state: ClipState;
  context: ContextFile;
  draft: Draft;
}) {
  const { desk, state, context, draft } = props;
  const { clock } = context;
  const isReadOnly = !may('review');
  const video = useRef<HTMLVideoElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const transport = useSignal<FileTransport | undefined>(undefined);
  const aspect = useSignal<Aspect>('16:9');
  const window = useSignal<{ fromMs: number; toMs: number } | undefined>(undefined);
  const isExporting = useSignal(false);
  const excitement = useExcitement(state.runId, clock);

  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    const made = new FileTransport(element, clock);
    transport.value = made;
    made.seek(desk.markedFrame ?? desk.draft.peek()?.inFrame ?? 0);
    return () => made.dispose();
  }, [context.url]);

  useEffect(() => {
    transport.value?.setLoop({ fromFrame: draft.inFrame, toFrame: draft.outFrame });
  }, [transport.value, draft.inFrame, draft.outFrame]);

  const moving = transport.value;
  const trim = (end: 'in' | 'out', frame: number, isDone: boolean) => {
    const limits = limitsOf(clock);
    const next = end === 'in' ? withIn(draft, frame, limits) : withOut(draft, frame, limits);
    desk.setTrim(next, `drag ${end}`);
    // The picture shows the end that is in the hand.
    moving?.seek(end === 'in' ? next.inFrame : next.outFrame - 1);
    if (isDone) desk.settle();
  };
  const nextAspect = () =>
    (aspect.value = shapes[(shapes.indexOf(aspect.peek()) + 1) % shapes.length] ?? '16:9');
  useEditorKeys({
    desk,
    transport: () => transport.peek(),
    isReadOnly,
    nextAspect,
    fill: () =>
      void (document.fullscreenElement ? document.exitFullscreen() : stage.current?.requestFullscreen()),
    exportIt: () => (isExporting.value = true),
    goToTitle: () => document.querySelector<HTMLElement>('#clip-title')?.focus(),
    goToTime: () => document.querySelector<HTMLElement>('#clip-at')?.focus(),
  });

  const strip = {
    clock,
    trim: draft,
    playheadFrame: moving?.frame.value ?? draft.inFrame,
    isReadOnly,
    peakMs: state.peak90k / 90,
    sound: context.sound,
    excitement: excitement.value,
    gaps: clock.gaps,
    onSeek: (frame: number) => moving?.seek(frame),
    onTrim: trim,
  };
  return (
    <div class="editor" onMouseDown={keepFocus}>
      <EditorHeader
        desk={desk}
        state={state}
        isReadOnly={isReadOnly}
        onExport={() => (isExporting.value = true)}
      />
      {moving?.isUneven.value && (
        <p class="warn" role="status">
          This feed has no steady frame rate. A step may show the same picture twice or pass one over, and a
          cut may lie a picture beside the one that is shown.
        </p>
      )}
      <div class="editor-upper">
        <div class="editor-picture">
          <div class="editor-stage" ref={stage}>
            <video
              ref={video}
              src={context.url}
              playsInline
              preload="auto"
              aria-label="The clip and a minute around it"
              onClick={() => moving?.togglePlay()}
            />
            <CropFrame
              aspect={aspect.value}
              x={aspect.value === '16:9' ? 0.5 : draft.crop[aspect.value]}
              picture={{ widthPx: context.width, heightPx: context.height }}
              isReadOnly={isReadOnly}
              onX={(x, isDone) => {
                if (aspect.peek() !== '16:9') desk.setCrop(aspect.peek() as '9:16' | '1:1', x);
                if (isDone) desk.settle();
              }}
            />
          </div>
          {moving && <TransportBar transport={moving} clock={clock} draft={draft} />}
          <CutMonitors
            desk={desk}
            context={context}
            draft={draft}
            transport={moving}
            isReadOnly={isReadOnly}
          />
        </div>
        <Inspector
          desk={desk}
          state={state}
          draft={draft}
          clock={clock}
          isReadOnly={isReadOnly}
          video={video.current ?? undefined}
          aspect={aspect.value}
          onAspect={(next) => (aspect.value = next)}
        />
      </div>
      <div class="editor-strips">
        <TrimStrip {...strip} name="Context" isWhole window={window.value} />
        <TrimStrip
          {...strip}
          name="Clip"
          isWhole={false}
          window={undefined}
          onView={(range) => (window.value = range)}
        />
      </div>
      {isExporting.value && (
        <ExportDialog
          clips={[{ clipId: state.clipId, name: state.wanted.title || state.label }]}
          onClose={() => (isExporting.value = false)}
        />
      )}
      {desk.conflict.value && (
        <ConflictDialog
          conflict={desk.conflict.value}
          mine={draft}
          clock={clock}
          onTheirs={() => desk.takeTheirs()}
          onMine={() => desk.putMineOnTop()}
          onLater={() => (desk.conflict.value = undefined)}
        />
      )}
    </div>
  );
}
