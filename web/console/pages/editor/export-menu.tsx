import { tellFault } from '../../toasts.tsx';
import { saveFile } from './save-file.ts';

/** What an editing program takes, in the order of how much of the clip it keeps. */
const formats = [
  ['otio', 'OpenTimelineIO', 'Resolve, Premiere, Kdenlive'],
  ['fcpxml', 'FCPXML', 'Final Cut, Resolve'],
  ['edl', 'EDL (CMX 3600)', 'nearly everything'],
  ['csv', 'CSV', 'a spreadsheet'],
] as const;

export function ExportMenu({ momentId }: { momentId: string }) {
  return (
    <details class="export-menu">
      <summary class="button">Export</summary>
      <ul>
        {formats.map(([format, label, where]) => (
          <li key={format}>
            <button
              type="button"
              class="quiet"
              onClick={() => {
                const url = `/api/v1/export?format=${format}&moments=${encodeURIComponent(momentId)}`;
                saveFile(url, `clip.${format}`).catch(tellFault('Not exported'));
              }}
            >
              {label} <span class="muted">{where}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
