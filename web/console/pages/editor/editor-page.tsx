import { useEffect, useMemo } from 'preact/hooks';

import { listen } from '../../live/live-events.ts';
import { NotFound } from '../../not-found.tsx';
import { guardLeaving } from '../../router.ts';
import { may } from '../../session.ts';
import { markInAddress } from './address-mark.ts';
import { EditorDesk } from './editor-desk.ts';
import { EditorView } from './editor-view.tsx';
import './editor.css';

/** One clip: where it begins and ends, what its versions show, what it is called, and the files that came of it. */
export function EditorPage({ params }: { params: Record<string, string> }) {
  const clipId = params['id'] ?? '';
  const desk = useMemo(() => {
    const mark = may('review') ? markInAddress(location.search) : undefined;
    // Once: a page that is loaded again, or a link that is passed on, is the clip as it stands.
    if (mark) history.replaceState({}, '', location.pathname);
    return new EditorDesk(clipId, mark);
  }, [clipId]);

  useEffect(() => {
    void desk.load();
    const refresh = () => void desk.load();
    const stop = listen({
      onEvent: ({ kind, subjectId }) => {
        const isOurs = subjectId === clipId || subjectId === desk.state.peek()?.momentId;
        // Whoever waits for the file to trim in asks for it; having one made at each word that it failed would never end.
        if (isOurs && kind !== 'clip.context' && /^(clip|moment|edit)\./.test(kind)) refresh();
      },
      onRefresh: refresh,
    });
    const onUnload = (event: BeforeUnloadEvent) => {
      if (desk.isDirty.peek()) event.preventDefault();
    };
    addEventListener('beforeunload', onUnload);
    guardLeaving(
      () => !desk.isDirty.peek() || confirm('Your changes of this clip are not saved. Leave all the same?'),
    );
    return () => {
      stop();
      desk.close();
      removeEventListener('beforeunload', onUnload);
      guardLeaving(undefined);
    };
  }, [desk]);

  const [state, context, draft] = [desk.state.value, desk.context.value, desk.draft.value];
  if (!state || !context || !draft) {
    if (desk.isMissing.value) return <NotFound what={`There is no clip "${clipId}".`} />;
    if (desk.fault.value === '') return <p class="loading">Loading the minute before and the minute after</p>;
    return (
      <p class="problem" role="alert">
        {desk.fault.value}{' '}
        <button type="button" onClick={() => void desk.load()}>
          Try again
        </button>
      </p>
    );
  }
  return <EditorView key={clipId} desk={desk} state={state} context={context} draft={draft} />;
}
