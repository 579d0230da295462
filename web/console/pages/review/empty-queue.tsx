import type { ChannelBody } from '../../../api/schemas/channel.ts';
import { useLoaded } from '../../load.ts';
import { spanOf } from '../../words.ts';
import type { ReviewStore } from './review-store.ts';

/** Nothing to decide: because all is decided, because nothing fits the filter, or because nothing has ever come in. */
export function EmptyQueue({ store }: { store: ReviewStore }) {
  const channels = useLoaded<{ channels: ChannelBody[] }>('/channels');
  const about = store.about.value;
  const { channelId, label, q, decision } = store.filter.value;
  if (!about || !channels.value.value) return <p class="loading">Loading</p>;
  if (channelId !== '' || label !== '' || q !== '' || decision !== 'undecided') {
    return <p class="empty">Nothing fits. Choose fewer conditions on the left.</p>;
  }
  if (channels.value.value.channels.length === 0) {
    return (
      <div class="empty">
        <p>
          Nothing has come in yet. Make a channel, push a stream to it, and its moments appear here by
          themselves.
        </p>
        <p>
          <a href="/channels">Make the first channel</a>
        </p>
      </div>
    );
  }
  return (
    <div class="empty" role="status">
      <p class="caught-up">All caught up</p>
      {about.decidedCount > 0 && (
        <p>
          {about.decidedCount} decided today
          {about.decisionMsP50 !== null &&
            `, each ${spanOf(about.decisionMsP50)} after it was visible, in the median`}
        </p>
      )}
      <p class="muted">New moments appear here by themselves.</p>
    </div>
  );
}
