import { useEffect, useRef } from 'preact/hooks';

import type { ChannelBody } from '../../../api/schemas/channel.ts';
import { useLoaded } from '../../load.ts';
import type { Filter, ReviewStore } from './review-store.ts';

const typedMs = 250;

/** Which moments the queue shows. */
export function ReviewFilters({ store }: { store: ReviewStore }) {
  const channels = useLoaded<{ channels: ChannelBody[] }>('/channels');
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const { decision, channelId, label } = store.filter.value;
  const labels = store.about.value?.labels ?? [];
  return (
    <div class="filters" role="search" aria-label="Which moments">
      <select
        aria-label="Decision"
        value={decision}
        onChange={({ currentTarget }) =>
          store.setFilter({ decision: currentTarget.value as Filter['decision'] })
        }
      >
        <option value="undecided">Undecided</option>
        <option value="approved">Approved</option>
        <option value="rejected">Rejected</option>
        <option value="all">All</option>
      </select>
      <select
        aria-label="Channel"
        value={channelId}
        onChange={({ currentTarget }) => store.setFilter({ channelId: currentTarget.value })}
      >
        <option value="">Every channel</option>
        {channels.value.value?.channels.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label="Label"
        value={label}
        onChange={({ currentTarget }) => store.setFilter({ label: currentTarget.value })}
      >
        <option value="">Every kind</option>
        {labels.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
      <input
        id="review-search"
        type="search"
        aria-label="Search title, tags, kind, channel"
        placeholder="Search"
        onInput={({ currentTarget }) => {
          clearTimeout(timer.current);
          timer.current = setTimeout(() => store.setFilter({ q: currentTarget.value }), typedMs);
        }}
      />
    </div>
  );
}
