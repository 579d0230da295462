import { useSignal } from '@preact/signals';

import { askFile, wordsOf } from './api.ts';
import { namedIn } from './export-words.ts';
import { tell } from './toasts.tsx';
import { useModal } from './use-modal.ts';

/** A clip, and what this page calls it. */
export interface Exportable {
  clipId: string;
  name: string;
}

const formats = [
  { format: 'otio', name: 'OpenTimelineIO', reads: 'DaVinci Resolve, Premiere, Avid, scripts' },
  { format: 'fcpxml', name: 'FCPXML', reads: 'Final Cut Pro, DaVinci Resolve' },
  { format: 'edl', name: 'CMX 3600 EDL', reads: 'nearly every program, old ones too' },
  { format: 'csv', name: 'CSV', reads: 'spreadsheets' },
] as const;

/** Which file for the cutting room; the clips go in as they are given. */
export function ExportDialog({ clips, onClose }: { clips: readonly Exportable[]; onClose: () => void }) {
  const dialog = useModal('Export');
  const isAsking = useSignal(false);
  const take = async (format: string): Promise<void> => {
    if (isAsking.value) return;
    isAsking.value = true;
    try {
      const body = { format, clipIds: clips.map(({ clipId }) => clipId) };
      const { name, content } = await askFile('/exports', { method: 'POST', body });
      save(name, content);
      tell(`${name} is downloaded; its media are the clips' own files`);
      onClose();
    } catch (error) {
      tell(`Not exported: ${namedIn(wordsOf(error), clips)}`, undefined, 'bad');
      onClose();
    } finally {
      isAsking.value = false;
    }
  };
  return (
    <dialog ref={dialog} class="export" aria-labelledby="export-title" onClose={onClose}>
      <h2 id="export-title">Export {clips.length === 1 ? clips[0]?.name : `${clips.length} clips`}</h2>
      <ul>
        {formats.map(({ format, name, reads }, nth) => (
          <li key={format}>
            <button
              type="button"
              autofocus={nth === 0}
              disabled={isAsking.value}
              onClick={() => void take(format)}
            >
              <b>{name}</b> <span class="muted">{reads}</span>
            </button>
          </li>
        ))}
      </ul>
      <p class="dialog-actions">
        <button type="button" class="quiet" onClick={onClose}>
          Cancel
        </button>
      </p>
    </dialog>
  );
}

/** Long enough for the browser to have begun. */
const heldMs = 60_000;

function save(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), heldMs);
}
