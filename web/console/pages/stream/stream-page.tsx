import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { listen } from '../../live/live-events.ts';
import { useLoaded } from '../../load.ts';
import { NotFound } from '../../not-found.tsx';
import { ChannelHeader } from './channel-header.tsx';
import type { ChannelBody } from '../../../api/schemas/channel.ts';
import { keepFocus } from '../editor/keep-focus.ts';
import { RunDesk } from './run-desk.tsx';
import { readRuns, type RunBody } from './stream-api.ts';
import './stream.css';

/** One channel: its picture, its health, and everything of a run on one timeline. */
export function StreamPage({ params }: { params: Record<string, string> }) {
  const channelId = params['id'] ?? '';
  // Another channel begins anew: no run of the one before is shown for a moment.
  return <ChannelStream key={channelId} channelId={channelId} />;
}

function ChannelStream({ channelId }: { channelId: string }) {
  const {
    value: channel,
    fault,
    isMissing,
    again,
  } = useLoaded<ChannelBody>(`/channels/${encodeURIComponent(channelId)}`, 10_000);
  const runs = useSignal<readonly RunBody[] | undefined>(undefined);
  const chosenId = useSignal(new URLSearchParams(location.search).get('run'));

  useEffect(() => {
    // The address may hold the name; what happens is told of the id.
    const refresh = () => {
      again();
      readRuns(channel.peek()?.id ?? channelId).then(
        (found) => (runs.value = found),
        () => {},
      );
    };
    const stop = listen({
      onEvent: ({ kind, channelId: of }) => {
        if (of === (channel.peek()?.id ?? channelId) && /^(channel|run)\./.test(kind)) refresh();
      },
      onRefresh: refresh,
    });
    const stopFirst = channel.subscribe((now) => {
      if (now && runs.peek() === undefined) refresh();
    });
    return () => {
      stop();
      stopFirst();
    };
  }, [channelId]);

  if (isMissing.value) return <NotFound what={`There is no channel "${channelId}".`} />;
  if (!channel.value) {
    if (fault.value === '') return <p class="loading">Loading</p>;
    return (
      <p class="problem" role="alert">
        {fault.value}
      </p>
    );
  }
  const all = runs.value ?? [];
  // Nobody chose: the newest, and the next one when it begins.
  const run = all.find(({ id }) => id === chosenId.value) ?? all[0];
  const choose = (runId: string) => {
    chosenId.value = runId === all[0]?.id ? null : runId;
    history.replaceState({}, '', chosenId.value === null ? location.pathname : `?run=${runId}`);
  };
  return (
    <div class="stream-page" onMouseDown={keepFocus}>
      <ChannelHeader channel={channel.value} runs={all} runId={run?.id} onRun={choose} onChange={again} />
      {runs.value && chosenId.value !== null && run?.id !== chosenId.value && (
        <p class="problem" role="alert">
          There is no run "{chosenId.value}" among the last of this channel: the newest is shown.
        </p>
      )}
      {run ? (
        <RunDesk key={run.id} run={run} channel={channel.value} />
      ) : (
        <p class="empty">
          {runs.value === undefined ? 'Loading' : 'Nothing was ever received on this channel. '}
          {runs.value && channel.value.driver === 'local' && (
            <>
              Push to <code>{channel.value.ingest.rtmp}/&lt;key&gt;</code>, and it appears here by itself.
            </>
          )}
        </p>
      )}
    </div>
  );
}
