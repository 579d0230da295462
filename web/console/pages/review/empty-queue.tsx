import type { ChannelBody } from '../../../api/schemas/channel.ts';
import { CopyButton } from '../../form.tsx';
import { useLoaded } from '../../load.ts';
import { may } from '../../session.ts';
import { spanOf } from '../../words.ts';
import type { ReviewStore } from './review-store.ts';

/** While it is like this, the feeds that are there change. */
const everyMs = 5_000;

/** Nothing to decide: because all is decided, because nothing fits the filter, or because nothing comes in. */
export function EmptyQueue({ store }: { store: ReviewStore }) {
  const loaded = useLoaded<{ channels: ChannelBody[] }>('/channels', everyMs);
  const about = store.about.value;
  const { channelId, label, q, decision } = store.filter.value;
  const channels = loaded.value.value?.channels;
  if (!about || !channels) return <p class="loading">Loading</p>;
  if (channelId !== '' || label !== '' || q !== '' || decision !== 'undecided') {
    return <p class="empty">Nothing fits. Choose fewer conditions on the left.</p>;
  }
  if (channels.length === 0) return <NoChannel />;
  const isLive = channels.some(({ state }) => state === 'live' || state === 'degraded');
  const waiting = channels.find(({ state, driver }) => state === 'waiting' && driver === 'local');
  return (
    <div class="empty" role="status">
      <p class="caught-up">{about.decidedCount > 0 || isLive ? 'All caught up' : 'Nothing to decide'}</p>
      {about.decidedCount > 0 && (
        <p>
          {about.decidedCount} decided today
          {about.decisionMsP50 !== null &&
            `, each ${spanOf(about.decisionMsP50)} after it was visible, in the median`}
        </p>
      )}
      {isLive ? (
        <p class="muted">A stream is live; its moments appear here by themselves.</p>
      ) : waiting ? (
        <PushTo channel={waiting} />
      ) : (
        <p class="muted">
          No stream is live, and no channel waits for one. <a href="/channels">See the channels</a>
        </p>
      )}
    </div>
  );
}

function NoChannel() {
  return (
    <div class="empty">
      <p class="caught-up">Nothing has come in yet</p>
      <p>A channel is one camera or stream. Push to it, and its moments appear here by themselves.</p>
      {may('channels') ? (
        <p>
          <a class="button main" href="/channels">
            Make the first channel
          </a>
        </p>
      ) : (
        <p>Ask an operator to make the first channel.</p>
      )}
    </div>
  );
}

/** What goes into OBS, and one line that works without it. */
function PushTo({ channel: { name, ingest } }: { channel: ChannelBody }) {
  const line = `ffmpeg -re -i match.mp4 -c copy -f flv ${ingest.rtmp}/KEY`;
  return (
    <div class="push-to">
      <p>
        <b>{name}</b> waits for a stream. In OBS, <i>Settings, Stream, Custom</i>:
      </p>
      <dl>
        <dt>Server</dt>
        <dd>
          <code>{ingest.rtmp}</code> <CopyButton text={ingest.rtmp} label="Copy the server" />
        </dd>
        <dt>Stream key</dt>
        <dd>
          the one that was shown when the channel was made
          {may('channels') && (
            <>
              , or a new one from <a href="/channels">Channels</a>
            </>
          )}
        </dd>
        <dt>Or a file, with ffmpeg</dt>
        <dd>
          <code>{line}</code> <CopyButton text={line} label="Copy the line for ffmpeg" />
        </dd>
      </dl>
      <p class="muted">Its moments appear here by themselves.</p>
    </div>
  );
}
