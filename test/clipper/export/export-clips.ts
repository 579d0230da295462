import type { ExportClip } from '../../../core/export-timeline.ts';

/** A clip of 250 frames at 25, with sound. */
export function exportClip(changes: Partial<ExportClip> = {}): ExportClip {
  return {
    clipId: 'clp_0123456789abcdef',
    channelName: 'Pitch 1',
    title: '',
    label: 'goal',
    score: 0.873,
    decision: 'approved',
    tags: ['home', 'late'],
    reasons: ['Crowd louder by 12 dB.', 'The score changed.'],
    fileName: 'clp_0123456789abcdef-exact-1.wide.mp4',
    url: 'http://127.0.0.1:8080/api/v1/clips/clp_0123456789abcdef/video',
    width: 1920,
    height: 1080,
    frameRate: { num: 25, den: 1 },
    frameCount: 250,
    peakFrame: 100,
    hasSound: true,
    startWallMs: Date.UTC(2026, 10, 28, 15, 4, 5, 80),
    ...changes,
  };
}

export const ntsc = { num: 30000, den: 1001 };
