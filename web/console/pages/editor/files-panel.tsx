import { bytesOf } from '../../words.ts';
import { CopyButton } from '../../form.tsx';
import type { RenditionState } from '../../../api/schemas/edit.ts';
import type { ClipState } from './editor-api.ts';

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
export function FilesPanel({ state }: { state: ClipState }) {
  const files = state.renditions.filter(({ preset }) => presetWords[preset] !== undefined);
  return (
    <section class="editor-panel" aria-label="Files">
      <h3>Files</h3>
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
                download={fileName(state, file)}
                draggable
                title="Click to download, or drag it to a folder"
                onDragStart={(event) => onDragStart(event, state, file)}
              >
                Download
              </a>
            )}
          </li>
        ))}
      </ul>
      <p class="file-link">
        <span class="muted">Link to the clip</span> <CopyButton text={clipLink(state)} label="Copy link" />
      </p>
    </section>
  );
}

/** Opens this page for whoever may. */
export function clipLink(clip: Pick<ClipState, 'clipId'> | undefined): string {
  return new URL(`/clips/${clip?.clipId ?? ''}`, location.href).href;
}

/** `goal-73-12-vertical.mp4`: what a person can tell apart in a folder. */
function fileName({ draft, label, clipId }: ClipState, { preset, url }: RenditionState): string {
  const words = (draft.title === '' ? label : draft.title).toLowerCase();
  const slug = words
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60);
  const ending = /\.[a-z0-9]{2,4}$/.exec(url ?? '')?.[0] ?? '.mp4';
  return `${slug === '' ? 'clip' : slug}-${clipId.slice(-6)}-${preset}${ending}`;
}

/** Chromium makes a file of what is dropped on the desktop; others get the address. */
function onDragStart(event: DragEvent, state: ClipState, file: RenditionState): void {
  if (file.url === null || !event.dataTransfer) return;
  const address = new URL(`${file.url}?download`, location.href).href;
  const kind = file.url.endsWith('.mp4') ? 'video/mp4' : 'application/octet-stream';
  event.dataTransfer.effectAllowed = 'copy';
  event.dataTransfer.setData('DownloadURL', `${kind}:${fileName(state, file)}:${address}`);
  event.dataTransfer.setData('text/uri-list', address);
}
