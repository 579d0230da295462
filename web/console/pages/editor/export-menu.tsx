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
            <a href={exportUrl(momentId, format)} download>
              {label} <span class="muted">{where}</span>
            </a>
          </li>
        ))}
      </ul>
    </details>
  );
}

function exportUrl(momentId: string, format: string): string {
  return `/api/v1/export?format=${format}&moments=${encodeURIComponent(momentId)}`;
}
