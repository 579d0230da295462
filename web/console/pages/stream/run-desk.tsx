import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import type { TimelineAnswer } from '../../../api/schemas/timeline.ts';
import { go } from '../../router.ts';
import { may } from '../../session.ts';
import { Timeline } from '../../timeline/timeline.tsx';
import { tell, tellFault } from '../../toasts.tsx';
import { clockOf } from '../../words.ts';
import type { ChannelBody } from '../../../api/schemas/channel.ts';
import { LivePicture, type PictureHandle } from './live-picture.tsx';
import { runMsOf, wallOf } from './run-clock.ts';
import { clipByHand, decide, playlistUrl, type RunBody, stillUrl } from './stream-api.ts';
import { useStreamKeys } from './stream-keys.ts';
import { StreamTabs } from './stream-tabs.tsx';
import { ThresholdRow } from './threshold-row.tsx';
import { useNarrow } from './use-narrow.ts';
import { useTimeline } from './use-timeline.ts';

type Moment = TimelineAnswer['moments'][number];

/** What `C` takes: one always reacts late. */
const lastMs = 20_000;

/** A run: picture and lists above, the timeline below; all of them show the same time. */
export function RunDesk({ run, channel }: { run: RunBody; channel: ChannelBody }) {
  const timeline = useTimeline(run.id);
  const picture = useRef<PictureHandle | undefined>(undefined);
  const wallMs = useSignal<number | undefined>(undefined);
  const selectedId = useSignal<string | undefined>(undefined);
  const line = useSignal<number | undefined>(undefined);
  const isNarrow = useNarrow();
  const { answer, data } = timeline;

  const clock = useMemo(() => {
    const segments = () => answer.peek()?.segments ?? [];
    const startWallMs = () => answer.peek()?.startWallMs ?? run.startWallMs;
    return {
      wallOf: (runMs: number) => wallOf(segments(), runMs, startWallMs()),
      runMsOf: (wallMs: number) => runMsOf(segments(), wallMs, startWallMs()),
    };
  }, [run.id]);
  const playheadMs = wallMs.value === undefined ? undefined : clock.runMsOf(wallMs.value);

  // A link to a moment: `?moment=mom_1`.
  useEffect(() => {
    const wanted = new URLSearchParams(location.search).get('moment');
    let isSaid = false;
    const stop = answer.subscribe((now) => {
      if (!now || wanted === null || selectedId.peek() !== undefined) return;
      const moment = now.moments.find(({ id }) => id === wanted);
      if (moment) return select(moment);
      if (!isSaid) tell(`There is no moment "${wanted}" in this run`, undefined, 'bad');
      isSaid = true;
    });
    return stop;
  }, [run.id]);

  const seek = (runMs: number) => picture.current?.seekWall(clock.wallOf(runMs));
  const select = (moment: Moment) => {
    selectedId.value = moment.id;
    seek(moment.inMs);
  };
  const clip = (stretch: { inMs: number; outMs: number }) => {
    clipByHand(run.id, stretch).then(({ clipId }) => {
      timeline.again();
      tell('The clip is being made', { label: 'Open', act: () => go(`/clips/${clipId}`) });
    }, tellFault('The clip could not be made'));
  };
  const setDecision = (moment: Moment, decision: Moment['decision']) => {
    decide(moment.id, decision).then(
      () => {
        timeline.again();
        const undo = { label: 'Undo', act: () => setDecision(moment, moment.decision) };
        tell(`${moment.label}: ${decision}`, undo);
      },
      tellFault(`${moment.label} could not be decided`),
    );
  };
  const clipLast = () => {
    const outMs = Math.round(Math.min(playheadMs ?? Infinity, answer.peek()?.endMs ?? 0));
    clip({ inMs: Math.max(0, outMs - lastMs), outMs });
  };
  const selected = () => answer.peek()?.moments.find(({ id }) => id === selectedId.peek());
  useStreamKeys({
    picture: () => picture.current,
    moments: () => answer.peek()?.moments ?? [],
    selected,
    select,
    open: ({ clipId }) => go(`/clips/${clipId}`),
    ...(may('review') ? { clipLast, decide: setDecision } : {}),
  });

  if (!data.value || !answer.value) {
    if (timeline.fault.value === '') return <p class="loading">Loading</p>;
    return (
      <p class="problem" role="alert">
        {timeline.fault.value}
      </p>
    );
  }
  const { segments, threshold, isLive } = answer.value;
  const segmentAt = (runMs: number) =>
    segments.findLast(({ fromMs, state }) => fromMs <= runMs && state !== 'dead');
  return (
    <>
      <div class="stream-upper">
        <LivePicture
          url={playlistUrl(run.id)}
          isLive={isLive}
          sayTime={(wall) => `${clockOf(clock.runMsOf(wall))} in the run`}
          onTime={(now) => (wallMs.value = now)}
          onReady={(handle) => (picture.current = handle)}
        />
        <StreamTabs
          answer={answer.value}
          channel={channel}
          selectedId={selectedId.value}
          clock={clock}
          onSelect={select}
          onSeek={seek}
          onDecide={setDecision}
        />
      </div>
      <div class="stream-lower">
        <Timeline
          data={data.value}
          isCompact={isNarrow}
          playheadMs={playheadMs}
          selectedId={selectedId.value}
          threshold={line.value ?? threshold}
          stillUrlAt={(runMs) => {
            const segment = segmentAt(runMs);
            return segment && stillUrl(run.id, segment.seq);
          }}
          stillEveryMs={4_000}
          labelOf={clockOf}
          onSeek={seek}
          onMoment={(mark, how) => {
            const moment = answer.peek()?.moments.find(({ id }) => id === mark.id);
            if (moment && how === 'select') select(moment);
            else if (moment) go(`/clips/${moment.clipId}`);
          }}
          onClip={may('review') ? clip : undefined}
          onThreshold={(value) => (line.value = Math.max(0.05, Math.round(value * 100) / 100))}
          onView={timeline.lookAt.bind(timeline)}
        />
        <ThresholdRow
          runId={run.id}
          threshold={threshold}
          value={line.value ?? threshold}
          endMs={answer.value.endMs}
          onInput={(value) => (line.value = value)}
        />
      </div>
    </>
  );
}
