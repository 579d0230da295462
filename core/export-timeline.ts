import type { FrameRate } from './media-time.ts';

/** What an editing program is handed: clips that stand one behind the other, each with the whole of its wide file. */
export interface ExportTimeline {
  title: string;
  /** At least one, in the order of the timeline. */
  clips: readonly ExportClip[];
}

export interface ExportClip {
  clipId: string;
  channelName: string;
  /** Typed by an editor; '' where nobody has. */
  title: string;
  label: string;
  /** 0 to 1. */
  score: number;
  decision: 'undecided' | 'approved' | 'rejected';
  tags: readonly string[];
  /** Sentences, strongest first. */
  reasons: readonly string[];
  /** As the server names the download, so that a program finds it beside the exported file. */
  fileName: string;
  /** Where it can be fetched from. */
  url: string;
  width: number;
  height: number;
  frameRate: FrameRate;
  /** Of the file. */
  frameCount: number;
  /** The picture at the moment's peak, counted from the file's first, 0 to `frameCount - 1`. */
  peakFrame: number;
  hasSound: boolean;
  /** Wall clock of the first picture, ms since 1970. */
  startWallMs: number;
}

export const exportFormats = ['otio', 'edl', 'fcpxml', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportedFile {
  /** Letters, digits, `-` and `_`, and the format's ending. */
  fileName: string;
  contentType: string;
  text: string;
}

/** @throws TouchlineError `export.not-possible` naming the clips that the format cannot hold */
export type WriteExport = (format: ExportFormat, timeline: ExportTimeline) => ExportedFile;
