import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

import type { ReviewMoment } from '../../../api/schemas/review.ts';
import { wordsOf } from '../../api.ts';
import { copyClipLink } from '../../clip-link.ts';
import { ExportDialog, type Exportable } from '../../export-dialog.tsx';
import { bindKeys } from '../../keys.ts';
import { may } from '../../session.ts';
import { tell } from '../../toasts.tsx';
import { useModal } from '../../use-modal.ts';
import { clockOf } from '../../words.ts';
import type { FileTransport } from '../editor/file-transport.ts';
import { ActionBar } from './action-bar.tsx';
import { ClipPlayer, type Aspect } from './clip-player.tsx';
import { EmptyQueue } from './empty-queue.tsx';
import { MomentList } from './moment-list.tsx';
import { openReviewStore } from './open-review-store.ts';
import { pendingCount } from './pending-decisions.ts';
import { ReviewFilters } from './review-filters.tsx';
import { reviewKeys } from './review-keys.ts';
import { useClaim } from './use-claim.ts';
import { WhyPanel } from './why-panel.tsx';
import './review.css';

const aspects: readonly Aspect[] = ['16:9', '9:16', '1:1'];

/** The editor's home: one moment at a time, ranked, with its reasons; a key decides and the next one plays. */
export function ReviewPage(_props: { params: Record<string, string> }) {
  const store = useMemo(openReviewStore, []);
  const transport = useSignal<FileTransport | undefined>(undefined);
  const aspect = useSignal<Aspect>('16:9');
  const asking = useSignal<{ ids: string[]; decision: Decision } | undefined>(undefined);
  const exporting = useSignal<readonly Exportable[] | undefined>(undefined);
  useEffect(() => store.start(), [store]);

  const decide = (decision: Decision): void => {
    if (!may('review')) return tell('Your role may look, not decide', undefined, 'bad');
    const ids = store.subjects;
    if (ids.length > 1) asking.value = { ids, decision };
    else store.decide(ids, decision);
    return undefined;
  };
  const copyLink = (): void => {
    const moment = store.focused.value;
    if (moment) void copyClipLink(moment.clipId);
  };
  const exportThem = (): void => {
    const chosen = store.subjects.flatMap((id) => store.moments.value.get(id) ?? []);
    if (chosen.length > 0) exporting.value = inTime(chosen).map(exportable);
  };
  const nextAspect = (): void => {
    aspect.value = aspects[(aspects.indexOf(aspect.value) + 1) % aspects.length] ?? '16:9';
  };
  useEffect(
    () => bindKeys('Review', reviewKeys({ store, transport, decide, nextAspect, copyLink, exportThem })),
    [store, transport],
  );

  const moment = store.focused.value;
  useClaim(moment?.id);
  return (
    <div class="review">
      <div class="review-list">
        <ReviewFilters store={store} />
        {store.fault.value !== undefined && (
          <p class="problem" role="alert">
            {wordsOf(store.fault.value)}
          </p>
        )}
        {pendingCount.value > 1 && (
          <p class="warn waiting" role="status">
            {pendingCount.value} decisions wait for the server; they are kept
          </p>
        )}
        <MomentList store={store} />
      </div>
      {moment ? (
        <>
          <section class="review-clip" aria-label="The clip">
            {moment.claimedBy !== null && (
              <p class="warn claimed" role="status">
                {moment.claimedBy} is looking at this one too
              </p>
            )}
            <ClipPlayer
              moment={moment}
              upcoming={store.upcoming.value}
              aspect={aspect.value}
              transport={transport}
            />
            <ActionBar
              moment={moment}
              markedCount={store.marked.value.size}
              mayReview={may('review')}
              aspect={aspect.value}
              onDecide={decide}
              onAspect={(one) => (aspect.value = one)}
              onCopy={copyLink}
              onExport={exportThem}
            />
          </section>
          <WhyPanel moment={moment} />
        </>
      ) : (
        <EmptyQueue store={store} />
      )}
      {exporting.value && (
        <ExportDialog clips={exporting.value} onClose={() => (exporting.value = undefined)} />
      )}
      {asking.value && (
        <Confirm
          {...asking.value}
          onYes={() => {
            const wish = asking.value;
            asking.value = undefined;
            if (wish) store.decide(wish.ids, wish.decision);
          }}
          onNo={() => (asking.value = undefined)}
        />
      )}
    </div>
  );
}

type Decision = 'undecided' | 'approved' | 'rejected';

/** Many at once are asked for with their number: a slip of the finger must not decide a hundred. */
function Confirm(props: { ids: string[]; decision: Decision; onYes: () => void; onNo: () => void }) {
  const dialog = useModal('Confirm');
  const verb = { approved: 'Approve', rejected: 'Reject', undecided: 'Put back' }[props.decision];
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={props.onNo}>
      <h2 id="confirm-title">
        {verb} {props.ids.length} moments?
      </h2>
      <p class="dialog-actions">
        <button type="button" class="main" autofocus onClick={props.onYes}>
          {verb} {props.ids.length}
        </button>
        <button type="button" onClick={props.onNo}>
          Cancel
        </button>
      </p>
    </dialog>
  );
}

/** As they were played, whatever lane they are in. */
function inTime(moments: readonly ReviewMoment[]): ReviewMoment[] {
  return moments.toSorted((one, other) => one.peakWallMs - other.peakWallMs);
}

function exportable({ clipId, title, label, peakMs }: ReviewMoment): Exportable {
  return { clipId, name: `${title || label} at ${clockOf(peakMs)}` };
}
