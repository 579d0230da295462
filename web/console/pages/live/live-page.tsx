import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

import type { LiveChannel, LiveWall } from '../../../api/schemas/live.ts';
import { ask } from '../../api.ts';
import { bindKeys } from '../../keys.ts';
import { useLoaded } from '../../load.ts';
import { go } from '../../router.ts';
import { may } from '../../session.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { spanOf } from '../../words.ts';
import { arrange, columnsFor, neighbourOf } from './wall-order.ts';
import { Sparkline } from '../../sparkline.tsx';
import './live.css';

const everyMs = 2_000;
const clipSeconds = 20;

/** Every channel at a glance, those first that need somebody: a still, a word, how far behind, the last minute, what waits for a decision. */
export function LivePage(_props: { params: Record<string, string> }) {
  const wall = useLoaded<LiveWall>('/live', everyMs);
  const order = useSignal<readonly string[]>([]);
  const focusId = useSignal<string | undefined>(undefined);
  const clipping = useSignal<ReadonlySet<string>>(new Set());
  const grid = useRef<HTMLUListElement>(null);
  const channels = wall.value.value?.channels ?? [];
  const pointedId = useSignal<string | undefined>(undefined);
  // What is looked at when new figures come; the focus in the page, not the tile that had it last.
  const hasFocus = grid.current?.contains(document.activeElement) ?? false;
  const held = new Set(
    [hasFocus ? focusId.value : undefined, pointedId.value].filter((id) => id !== undefined),
  );
  const arranged = arrange(order.value, channels, held);
  const shown = arranged.flatMap((id) => channels.find(({ channelId }) => channelId === id) ?? []);
  const columns = columnsFor(shown.length);

  const clip = async (channelId: string): Promise<void> => {
    if (clipping.value.has(channelId)) return;
    if (!may('review')) return tell('Your role may look, not clip', undefined, 'bad');
    tell(`Clipping the last ${clipSeconds} s`);
    clipping.value = new Set([...clipping.value, channelId]);
    try {
      const body = { seconds: clipSeconds };
      const { clipId } = await ask<{ clipId: string }>(`/channels/${channelId}/clip-last`, {
        method: 'POST',
        body,
      });
      tell(`The last ${clipSeconds} s are a clip`, { label: 'Open it', act: () => go(`/clips/${clipId}`) });
    } finally {
      clipping.value = new Set([...clipping.value].filter((id) => id !== channelId));
    }
  };

  useEffect(() => {
    if (arranged.join() !== order.peek().join()) order.value = arranged;
  });
  useLayoutEffect(() => {
    // Whatever the browser moved to sort the others, the focus stays where it was.
    const isLost = hasFocus && !grid.current?.contains(document.activeElement);
    if (isLost) document.getElementById(`tile-${focusId.peek() ?? ''}`)?.focus({ preventScroll: true });
  });
  useEffect(() => {
    const move = (step: 'left' | 'right' | 'up' | 'down') => () => {
      const width = grid.current ? getComputedStyle(grid.current).gridTemplateColumns.split(' ').length : 1;
      const next = neighbourOf(order.value, focusId.value, step, width);
      if (next === undefined) return;
      focusId.value = next;
      document.getElementById(`tile-${next}`)?.focus();
    };
    return bindKeys('Live', [
      {
        key: 'c',
        does: 'clip the last 20 s',
        isUsual: true,
        act: () => {
          const id = focusId.value ?? order.value[0];
          if (id !== undefined) void clip(id).catch(tellFault('No clip'));
        },
      },
      { key: 'ArrowLeft', does: 'left', shown: '←', act: move('left') },
      { key: 'ArrowRight', does: 'right', shown: '→', act: move('right') },
      { key: 'ArrowUp', does: 'up', shown: '↑', act: move('up') },
      { key: 'ArrowDown', does: 'down', shown: '↓', act: move('down') },
    ]);
  }, [wall, order, focusId]);

  if (!wall.value.value) {
    return wall.fault.value === '' ? (
      <p class="loading">Loading</p>
    ) : (
      <p class="problem">{wall.fault.value}</p>
    );
  }
  if (shown.length === 0) {
    return (
      <p class="empty">
        No channel yet. <a href="/channels">Make the first one</a>
      </p>
    );
  }
  return (
    <div class="live">
      <p class="live-head">
        <span class="muted">
          {channels.length} channels, {channels.filter(({ needsAttention }) => needsAttention).length} need
          somebody
        </span>
      </p>
      {wall.fault.value !== '' && <p class="problem">{wall.fault.value}; what follows may be old</p>}
      <ul ref={grid} class={`wall wall-${columns}`}>
        {shown.map((channel) => (
          <Tile
            key={channel.channelId}
            channel={channel}
            isClipping={clipping.value.has(channel.channelId)}
            onFocus={() => (focusId.value = channel.channelId)}
            onPoint={(isOver) => (pointedId.value = isOver ? channel.channelId : undefined)}
            onClip={() => void clip(channel.channelId).catch(tellFault('No clip'))}
          />
        ))}
      </ul>
    </div>
  );
}

function Tile(props: {
  channel: LiveChannel;
  isClipping: boolean;
  onFocus: () => void;
  onPoint: (isOver: boolean) => void;
  onClip: () => void;
}) {
  const { channel, isClipping, onFocus, onPoint, onClip } = props;
  const { channelId, name, state, reason, needsAttention, lagMs, curve, pendingCount, still } = channel;
  const isLive = state === 'live' || state === 'degraded';
  return (
    <li
      class={`tile ${needsAttention ? 'needs' : ''}`}
      onFocusIn={onFocus}
      onPointerEnter={() => onPoint(true)}
      onPointerLeave={() => onPoint(false)}
    >
      <a id={`tile-${channelId}`} href={`/channels/${channelId}`}>
        {still ? <img src={still.url} alt="" /> : <span class="no-still muted">no picture</span>}
        <span class="tile-head">
          <b>{name}</b>
          <span class={`pill ${state === 'live' ? 'good' : needsAttention ? 'bad' : ''}`}>{state}</span>
        </span>
      </a>
      <Sparkline values={curve} label={`Excitement of ${name} in the last minute`} />
      {reason !== null && <p class={needsAttention ? 'warn' : 'muted'}>{reason}</p>}
      <p class="tile-foot">
        <span class="muted">{lagMs === null ? '' : `${spanOf(lagMs)} behind`}</span>
        {pendingCount > 0 && <a href="/">{pendingCount} to review</a>}
        {isLive && may('review') && (
          <button type="button" disabled={isClipping} onClick={onClip}>
            {isClipping ? 'Clipping' : 'Clip 20 s'}
          </button>
        )}
      </p>
    </li>
  );
}
