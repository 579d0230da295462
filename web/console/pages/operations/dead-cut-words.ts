import type { OperationsView } from '../../../api/schemas/operations.ts';

type DeadCut = OperationsView['deadCuts'][number];

/** What of the clip is missing, which is what somebody waits for. */
export function whatIsMissing({ stage, hasFile }: Pick<DeadCut, 'stage' | 'hasFile'>): string {
  if (!hasFile) return 'the clip: it has no file';
  if (stage === 'whole' || stage === 'edit-whole') return 'its vertical and small files';
  return stage === 'edit-exact'
    ? 'the edit: the cut before it is shown'
    : 'the exact cut: the fast one is shown';
}

/** `why` as a line for the table and, where ffmpeg said something, what it said last. */
export function reasonOf(why: string): { line: string; ffmpegSaid: string | undefined } {
  const [, line = why, said] = /^(.*?) \(last line: "([\s\S]*)"\)$/s.exec(why) ?? [];
  return { line, ffmpegSaid: said === '' ? undefined : said };
}
