import type { ExportedFile, ExportFormat, ExportTimeline } from '../../core/export-timeline.ts';
import { withoutAccents } from './clip-words.ts';
import { csvOf } from './csv.ts';
import { edlOf } from './edl.ts';
import { fcpxmlOf } from './fcpxml.ts';
import { otioOf } from './otio.ts';

const writers: Readonly<
  Record<ExportFormat, { ending: string; contentType: string; write: (timeline: ExportTimeline) => string }>
> = {
  otio: { ending: 'otio', contentType: 'application/vnd.pixar.opentimelineio+json', write: otioOf },
  edl: { ending: 'edl', contentType: 'text/plain; charset=us-ascii', write: edlOf },
  fcpxml: { ending: 'fcpxml', contentType: 'application/xml; charset=utf-8', write: fcpxmlOf },
  csv: { ending: 'csv', contentType: 'text/csv; charset=utf-8', write: csvOf },
};

/** @throws TouchlineError `export.not-possible` naming the clips that the format cannot hold */
export function writeExport(format: ExportFormat, timeline: ExportTimeline): ExportedFile {
  const { ending, contentType, write } = writers[format];
  const slug = withoutAccents(timeline.title)
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60);
  return { fileName: `${slug === '' ? 'clips' : slug}.${ending}`, contentType, text: write(timeline) };
}
