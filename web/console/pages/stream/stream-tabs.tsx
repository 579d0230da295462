import { useSignal } from '@preact/signals';

import type { TimelineAnswer, TimelineMomentMark } from '../../../api/schemas/timeline.ts';
import { clockOf } from '../../words.ts';
import type { ChannelBody } from '../../../api/schemas/channel.ts';
import { EventsTab } from './events-tab.tsx';
import { happeningsOf } from './happenings.ts';
import { HealthTab } from './health-tab.tsx';
import { MomentsTab } from './moments-tab.tsx';

const tabs = ['Moments', 'Health', 'Events'] as const;
type Tab = (typeof tabs)[number];

/** One of three lists beside the picture (WAI-ARIA tabs: arrows move, the panel follows). */
export function StreamTabs(props: {
  answer: TimelineAnswer;
  channel: ChannelBody;
  selectedId: string | undefined;
  clock: { wallOf: (runMs: number) => number };
  onSelect: (moment: TimelineMomentMark) => void;
  onSeek: (runMs: number) => void;
  onDecide: (moment: TimelineMomentMark, decision: TimelineMomentMark['decision']) => void;
}) {
  const { answer, channel, selectedId, clock, onSelect, onSeek, onDecide } = props;
  const shown = useSignal<Tab>('Moments');
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = tabs[(tabs.indexOf(shown.value) + by + tabs.length) % tabs.length] ?? 'Moments';
    shown.value = next;
    document.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  const troubles = channel.health?.advice.length ?? 0;
  return (
    <section class="stream-tabs" aria-label="Lists">
      <div role="tablist" class="tab-list" onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button
            key={tab}
            id={`tab-${tab}`}
            type="button"
            role="tab"
            class="quiet"
            aria-selected={tab === shown.value}
            aria-controls="stream-panel"
            tabIndex={tab === shown.value ? 0 : -1}
            onClick={() => (shown.value = tab)}
          >
            {tab}
            {tab === 'Moments' && <span class="muted"> {answer.moments.length}</span>}
            {tab === 'Health' && troubles > 0 && <span class="warn"> {troubles}</span>}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="stream-panel" aria-labelledby={`tab-${shown.value}`} tabIndex={0}>
        {shown.value === 'Moments' && (
          <MomentsTab
            answer={answer}
            selectedId={selectedId}
            sayRunTime={clockOf}
            onSelect={onSelect}
            onDecide={onDecide}
          />
        )}
        {shown.value === 'Health' && <HealthTab channel={channel} />}
        {shown.value === 'Events' && (
          <EventsTab happenings={happeningsOf(answer, clock.wallOf)} onSeek={onSeek} />
        )}
      </div>
    </section>
  );
}
