import { useEffect, useRef } from 'preact/hooks';

import { bindKeys, type KeyBinding } from '../../keys.ts';
import type { TimelineMomentMark } from '../../../api/schemas/timeline.ts';
import type { PictureHandle } from './live-picture.tsx';

type Moment = TimelineMomentMark;

interface Desk {
  picture: () => PictureHandle | undefined;
  moments: () => readonly Moment[];
  selected: () => Moment | undefined;
  select: (moment: Moment) => void;
  open: (moment: Moment) => void;
  /** Absent for those who only look. */
  clipLast?: () => void;
  decide?: (moment: Moment, decision: Moment['decision']) => void;
}

/** The keys of the stream page, while it is open. */
export function useStreamKeys(desk: Desk): void {
  const latest = useRef(desk);
  latest.current = desk;
  useEffect(() => bindKeys('Channel', bindings(latest)), []);
}

function bindings(latest: { current: Desk }): KeyBinding[] {
  const seek = (key: string, seconds: number, does: string): KeyBinding => ({
    key,
    does,
    act: () => latest.current.picture()?.seekBy(seconds),
  });
  const step = (direction: 1 | -1) => () => {
    const { moments, selected, select } = latest.current;
    // The list shows the newest first.
    const inOrder = moments().toSorted((a, b) => b.peakMs - a.peakMs);
    const at = inOrder.findIndex(({ id }) => id === selected()?.id);
    const next = inOrder[at < 0 ? 0 : at + direction];
    if (next) select(next);
  };
  const onSelected = (act: (moment: Moment) => void) => () => {
    const moment = latest.current.selected();
    if (moment) act(moment);
  };
  const decide = (key: string, does: string, decision: Moment['decision']): KeyBinding => ({
    key,
    does,
    act: onSelected((moment) => latest.current.decide?.(moment, decision)),
  });
  return [
    { key: 'Space', does: 'play, pause', isUsual: true, act: () => latest.current.picture()?.togglePlay() },
    seek('9', -5, '5 s back'),
    seek('0', 5, '5 s on'),
    seek('Shift+ArrowLeft', -1, '1 s back'),
    seek('Shift+ArrowRight', 1, '1 s on'),
    { key: 'l', does: 'to the live edge', isUsual: true, act: () => latest.current.picture()?.goLive() },
    { key: 'f', does: 'full screen', act: () => latest.current.picture()?.fill() },
    { key: 'ArrowDown', shown: '↓', does: 'next moment', act: step(1) },
    { key: 'ArrowUp', shown: '↑', does: 'previous moment', act: step(-1) },
    { key: 'e', does: 'open the moment', act: onSelected((moment) => latest.current.open(moment)) },
    ...(latest.current.decide
      ? [
          { key: 'c', does: 'clip the last 20 s', isUsual: true, act: () => latest.current.clipLast?.() },
          decide('a', 'approve', 'approved'),
          decide('x', 'reject', 'rejected'),
          decide('u', 'undecided', 'undecided'),
        ]
      : []),
  ];
}
