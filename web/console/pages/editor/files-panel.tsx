import { bytesOf } from '../../words.ts';
import type { RenditionState } from '../../../api/schemas/edit.ts';
import type { ClipState } from './editor-api.ts';
import type { EditorDesk } from './editor-desk.ts';

/** What people take along; the others serve this page. */
const presetWords: Partial<Record<RenditionState['preset'], string>> = {
  wide: '16:9',
  vertical: '9:16',
  square: '1:1',
  thumbnail: 'Picture',
};

const stateWords: Record<RenditionState['state'], string> = {
  ready: 'ready',
  stale: 'stale: made of an older edit',
  making: 'being made',
  failed: 'failed',
};

/** Each file of the clip: how it stands, and the ways to take it along. */
export function FilesPanel(props: { desk: EditorDesk; state: ClipState; isReadOnly: boolean }) {
  const { desk, state, isReadOnly } = props;
  const files = state.renditions.filter(({ preset }) => presetWords[preset] !== undefined);
  return (
    <section class="editor-panel" aria-label="Files">
      <h3>Files</h3>
      {state.deadWhy !== null && (
        <div role="status">
          <p class="bad">The last cut came to nothing: {state.deadWhy}</p>
          {!isReadOnly && (
            <button type="button" disabled={desk.isSaving.value} onClick={() => void desk.recut()}>
              Cut again
            </button>
          )}
        </div>
      )}
      <ul class="files">
        {files.map((file) => (
          <li key={file.preset}>
            <b>{presetWords[file.preset]}</b>
            <span class={`file-state file-${file.state}`}>{stateWords[file.state]}</span>
            {file.why !== null && <span class="bad">{file.why}</span>}
            <span class="muted">
              {file.width > 0 && `${file.width}×${file.height} · `}
              {file.bytes > 0 && bytesOf(file.bytes)}
            </span>
            {file.url !== null && (
              <a
                class="button"
                href={`${file.url}?download`}
                download
                draggable
                title="Click to download, or drag it to a folder"
                onDragStart={(event) => onDragStart(event, file.url)}
              >
                Download
              </a>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** As the server calls it when it is clicked, which is where an exported timeline looks for it. */
function fileName(url: string): string {
  const [folder = '', file = ''] = url.split('/').slice(-2);
  return file.startsWith('clp_') ? file : `${folder}-${file}`;
}

/** Chromium makes a file of what is dropped on the desktop; others get the address. */
function onDragStart(event: DragEvent, url: string | null): void {
  if (url === null || !event.dataTransfer) return;
  const address = new URL(`${url}?download`, location.href).href;
  const kind = url.endsWith('.mp4') ? 'video/mp4' : 'application/octet-stream';
  event.dataTransfer.effectAllowed = 'copy';
  event.dataTransfer.setData('DownloadURL', `${kind}:${fileName(url)}:${address}`);
  event.dataTransfer.setData('text/uri-list', address);
}
