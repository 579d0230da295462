import type { Signal } from '@preact/signals';

import type { KeyBinding } from '../../keys.ts';
import { go } from '../../router.ts';
import type { FileTransport } from '../editor/file-transport.ts';
import type { ReviewStore } from './review-store.ts';

type Decision = 'undecided' | 'approved' | 'rejected';

/** What the keys do on the review page. */
export function reviewKeys(page: {
  store: ReviewStore;
  transport: Signal<FileTransport | undefined>;
  decide: (decision: Decision) => void;
  nextAspect: () => void;
  copyLink: () => void;
  exportThem: () => void;
}): KeyBinding[] {
  const { store, transport, decide } = page;
  const moves = (act: (transport: FileTransport) => void) => () => {
    if (transport.value) act(transport.value);
  };
  const second = (): number => {
    const { num, den } = store.focused.value?.frameRate ?? { num: 25, den: 1 };
    return Math.round(num / den);
  };
  const edit = (): void => {
    if (store.focused.value) go(`/clips/${store.focused.value.clipId}`);
  };
  return [
    { key: 'a', does: 'approve', isUsual: true, act: () => decide('approved') },
    { key: 'x', does: 'reject', isUsual: true, act: () => decide('rejected') },
    { key: 'u', does: 'undecided', isUsual: true, act: () => decide('undecided') },
    { key: 'e', does: 'edit', isUsual: true, act: edit },
    { key: 'Enter', does: 'edit', act: edit },
    { key: 'Ctrl+z', does: 'undo', isUsual: true, shown: 'Ctrl Z', act: () => store.undo() },
    { key: 'ArrowDown', does: 'next', shown: '↓', act: () => store.move(1) },
    { key: 'ArrowUp', does: 'previous', shown: '↑', act: () => store.move(-1) },
    { key: 'Shift+ArrowDown', does: 'mark downwards', shown: 'Shift ↓', act: () => store.move(1, true) },
    { key: 'Shift+ArrowUp', does: 'mark upwards', shown: 'Shift ↑', act: () => store.move(-1, true) },
    { key: 'Ctrl+a', does: 'mark all', shown: 'Ctrl A', act: () => store.markAll() },
    { key: 'Escape', does: 'mark none', shown: 'Esc', act: () => (store.marked.value = new Set()) },
    { key: 'Space', does: 'play or pause', isUsual: true, act: moves((one) => one.togglePlay()) },
    { key: 'KeyJ', does: 'backwards, faster each time', act: moves((one) => one.shuttle(-1)) },
    { key: 'KeyK', does: 'stop', act: moves((one) => one.stop()) },
    { key: 'KeyL', does: 'forwards, faster each time', act: moves((one) => one.shuttle(1)) },
    { key: ',', does: 'a frame back', act: moves((one) => one.step(-1)) },
    { key: '.', does: 'a frame on', act: moves((one) => one.step(1)) },
    { key: 'ArrowLeft', does: 'a frame back', shown: '←', act: moves((one) => one.step(-1)) },
    { key: 'ArrowRight', does: 'a frame on', shown: '→', act: moves((one) => one.step(1)) },
    {
      key: 'Shift+ArrowLeft',
      does: 'a second back',
      shown: 'Shift ←',
      act: moves((one) => one.step(-second())),
    },
    {
      key: 'Shift+ArrowRight',
      does: 'a second on',
      shown: 'Shift →',
      act: moves((one) => one.step(second())),
    },
    { key: 'KeyI', does: 'begin here (opens the editor)', act: () => openWithMark('in') },
    { key: 'KeyO', does: 'end here (opens the editor)', act: () => openWithMark('out') },
    {
      key: 'Shift+KeyI',
      does: 'begin 4 s before here (opens the editor)',
      shown: 'Shift I',
      act: () => openWithMark('in-before'),
    },
    { key: 'v', does: 'the next shape of the picture', act: page.nextAspect },
    { key: 'd', does: 'download', act: () => download(store.focused.value?.videoUrl) },
    { key: 'y', does: 'copy a link for anybody', act: page.copyLink },
    { key: 'Shift+d', does: 'export for an editing program', shown: 'Shift D', act: page.exportThem },
    { key: '/', does: 'search', act: () => document.getElementById('review-search')?.focus() },
  ];

  /** The editor takes the mark from the address: a place in the file that is shown, in ms of its wall clock. */
  function openWithMark(mark: 'in' | 'out' | 'in-before'): void {
    const moment = store.focused.value;
    const frame = transport.value?.frame.value;
    if (!moment || frame === undefined || moment.startWallMs === null) return;
    const { num, den } = moment.frameRate ?? { num: 25, den: 1 };
    const atWallMs = moment.startWallMs + (frame * 1000 * den) / num - (mark === 'in-before' ? 4000 : 0);
    const side = mark === 'out' ? 'out' : 'in';
    go(`/clips/${moment.clipId}?${side}=${Math.round(atWallMs)}`);
  }
}

function download(url: string | null | undefined): void {
  if (url === null || url === undefined) return;
  const link = document.createElement('a');
  link.href = `${url}?download`;
  link.download = '';
  link.click();
}
