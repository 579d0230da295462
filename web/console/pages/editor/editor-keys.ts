import { useEffect, useRef } from 'preact/hooks';

import { copyClipLink } from '../../clip-link.ts';
import { bindKeys, type KeyBinding } from '../../keys.ts';
import type { Decision } from './editor-api.ts';
import type { EditorDesk } from './editor-desk.ts';
import type { FileTransport } from './file-transport.ts';
import { framesPerSecond } from './frame-clock.ts';
import { markIn, markOut, withIn, withOut } from './trim.ts';
import { limitsOf } from './trim-limits.ts';

/** How late one presses the key after having seen it begin. */
const reactionS = 4;

interface Reach {
  desk: EditorDesk;
  transport: () => FileTransport | undefined;
  isReadOnly: boolean;
  nextAspect: () => void;
  fill: () => void;
  exportIt: () => void;
  goToTitle: () => void;
  goToTime: () => void;
}

/** The keys of the editor (facts: profile "touchline"), while it is open. */
export function useEditorKeys(reach: Reach): void {
  const latest = useRef(reach);
  latest.current = reach;
  useEffect(
    () =>
      bindKeys(
        'Clip',
        bindings(() => latest.current),
      ),
    [reach.isReadOnly],
  );
}

function bindings(now: () => Reach): KeyBinding[] {
  const look = [...transportKeys(now), ...lookKeys(now)];
  return now().isReadOnly ? look : [...markKeys(now), ...decideKeys(now), ...look];
}

function transportKeys(now: () => Reach): KeyBinding[] {
  const on = (act: (transport: FileTransport) => void) => () => {
    const transport = now().transport();
    if (transport) act(transport);
  };
  const fps = () => {
    const clock = now().desk.context.peek()?.clock;
    return clock ? framesPerSecond(clock) : 25;
  };
  const seconds = (by: number) => on((transport) => transport.step(Math.round(by * fps())));
  const draft = () => now().desk.draft.peek();
  return [
    { key: 'Space', does: 'play, pause', isUsual: true, act: on((transport) => transport.togglePlay()) },
    { key: 'KeyJ', does: 'backwards, faster each time', act: on((transport) => transport.shuttle(-1)) },
    { key: 'KeyK', does: 'stop', act: on((transport) => transport.stop()) },
    { key: 'KeyL', does: 'forwards, faster each time', act: on((transport) => transport.shuttle(1)) },
    { key: ',', does: 'one frame back', isUsual: true, act: on((transport) => transport.step(-1)) },
    { key: '.', does: 'one frame on', isUsual: true, act: on((transport) => transport.step(1)) },
    { key: 'ArrowLeft', shown: '←', does: 'one frame back', act: on((transport) => transport.step(-1)) },
    { key: 'ArrowRight', shown: '→', does: 'one frame on', act: on((transport) => transport.step(1)) },
    { key: 'Shift+ArrowLeft', shown: 'Shift+←', does: '1 s back', act: seconds(-1) },
    { key: 'Shift+ArrowRight', shown: 'Shift+→', does: '1 s on', act: seconds(1) },
    { key: '9', does: '5 s back', act: seconds(-5) },
    { key: '0', does: '5 s on', act: seconds(5) },
    { key: 'Home', does: 'to the in', act: on((transport) => transport.seek(draft()?.inFrame ?? 0)) },
    { key: 'End', does: 'to the out', act: on((transport) => transport.seek((draft()?.outFrame ?? 1) - 1)) },
    { key: 'q', does: 'to the in', act: on((transport) => transport.seek(draft()?.inFrame ?? 0)) },
    { key: 'w', does: 'to the out', act: on((transport) => transport.seek((draft()?.outFrame ?? 1) - 1)) },
    {
      key: 'r',
      does: 'play the edges',
      isUsual: true,
      act: on((transport) => {
        const clip = draft();
        if (clip) transport.playEdges({ fromFrame: clip.inFrame, toFrame: clip.outFrame });
      }),
    },
  ];
}

function markKeys(now: () => Reach): KeyBinding[] {
  const trim =
    (
      about: string,
      change: (
        draft: { inFrame: number; outFrame: number },
        at: number,
        limits: ReturnType<typeof limitsOf>,
      ) => {
        inFrame: number;
        outFrame: number;
      },
    ) =>
    () => {
      const { desk, transport } = now();
      const [draft, context, moving] = [desk.draft.peek(), desk.context.peek(), transport()];
      if (!draft || !context || !moving) return;
      desk.setTrim(change(draft, moving.frame.peek(), limitsOf(context.clock)), about);
    };
  const lateFrames = () => {
    const clock = now().desk.context.peek()?.clock;
    return clock ? Math.round(reactionS * framesPerSecond(clock)) : 100;
  };
  const nudgeIn = (by: number) =>
    trim('nudge in', (draft, _at, limits) => withIn(draft, draft.inFrame + by, limits));
  const nudgeOut = (by: number) =>
    trim('nudge out', (draft, _at, limits) => withOut(draft, draft.outFrame + by, limits));
  return [
    { key: 'KeyI', does: 'in here', isUsual: true, act: trim('mark in', markIn) },
    { key: 'KeyO', does: 'out here', isUsual: true, act: trim('mark out', markOut) },
    {
      key: 'Shift+KeyI',
      does: `in ${reactionS} s before here`,
      act: trim('mark in', (draft, at, limits) => markIn(draft, at - lateFrames(), limits)),
    },
    { key: '[', does: 'in one frame earlier', act: nudgeIn(-1) },
    { key: ']', does: 'in one frame later', act: nudgeIn(1) },
    { key: 'Shift+BracketLeft', shown: 'Shift+[', does: 'out one frame earlier', act: nudgeOut(-1) },
    { key: 'Shift+BracketRight', shown: 'Shift+]', does: 'out one frame later', act: nudgeOut(1) },
    // Brackets need AltGr on many keyboards.
    { key: 'Shift+Comma', shown: 'Shift+,', does: 'in one frame earlier', act: nudgeIn(-1) },
    { key: 'Shift+Period', shown: 'Shift+.', does: 'in one frame later', act: nudgeIn(1) },
    { key: 'Ctrl+z', does: 'undo', act: () => now().desk.undo() },
    { key: 'Ctrl+Shift+z', does: 'redo', act: () => now().desk.redo() },
    { key: 'Enter', does: 'save', isUsual: true, act: () => void now().desk.save() },
    { key: 'Ctrl+s', does: 'save', act: () => void now().desk.save() },
  ];
}

function decideKeys(now: () => Reach): KeyBinding[] {
  const decide = (key: string, does: string, decision: Decision): KeyBinding => ({
    key,
    does,
    act: () => void now().desk.decide(decision),
  });
  return [
    decide('a', 'approve', 'approved'),
    decide('x', 'reject', 'rejected'),
    decide('u', 'undecided', 'undecided'),
  ];
}

function lookKeys(now: () => Reach): KeyBinding[] {
  return [
    { key: 'v', does: 'next shape', act: () => now().nextAspect() },
    { key: 'f', does: 'full screen', act: () => now().fill() },
    {
      key: 'y',
      does: 'copy a link for anybody',
      act: () => {
        const clip = now().desk.state.peek();
        if (clip) void copyClipLink(clip.clipId);
      },
    },
    {
      key: 'Shift+d',
      shown: 'Shift+D',
      does: 'export for an editing program',
      act: () => now().exportIt(),
    },
    { key: 'd', does: 'download', act: () => document.querySelector<HTMLElement>('.files a')?.click() },
    { key: 't', does: 'title and tags', act: () => now().goToTitle() },
    { key: 'Shift+g', does: 'go to a time', act: () => now().goToTime() },
  ];
}
