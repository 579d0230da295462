import type { Spot } from '../../core/moment.ts';
import type { Detector, Findings, SegmentSample } from '../detectors/detector.ts';
import type { Inference } from '../inference/inference.ts';
import type { ModelPack } from '../inference/model-manifest.ts';
import { bandRowCount } from '../sampling/picture-request.ts';
import { BoardMemory } from './board-memory.ts';
import { missingLines } from './complete-lines.ts';
import { findText } from './find-text.ts';
import { lumaOf, type Box, type Luma, type RgbPicture } from './pixels.ts';
import { loadAlphabet, readText, type Word } from './read-text.ts';
import { staticRegions } from './static-regions.ts';

/** Score bugs lie in the top or bottom fifth of the picture; 0.22 leaves room for two rows. */
const bandShare = 0.22;
/** Twice the clock's own pace is more than a change of score needs. */
const readsPerSecondMax = 1;
/** A bug has four to ten fields at 7 ms each; more boxes are advertising. */
const lineCountMax = 12;
const regionCountMax = 4;
const guessConfidenceMin = 0.7;
/** Runs that one worker has in hand at a time; each takes up to 4 MB. */
const runCountMax = 8;

/**
 * Reads what stands still on the picture: the score bug. One spot `scoreboard` per picture looked at, with
 * `evidence.fields`: words as `{ box: [x, y, width, height] in per mille of the picture, text, confidence }`; no fields
 * = there is no text that stands still. What is a clock and what a score is for `moments/` to find out, over segments.
 *
 * Within a segment, text is looked for once. A line is read again only when its pixels have changed (`board-memory.ts`); a
 * worker that has not seen the segments before finds the same.
 */
export function createScoreboardDetector(parts: {
  inference: Inference;
  textFinder: ModelPack;
  textReader: ModelPack;
}): Detector {
  const alphabet = loadAlphabet(parts.textReader);
  const memories = new Map<string, BoardMemory>();
  const memoryOf = (runId: string): BoardMemory => {
    const memory = memories.get(runId) ?? new BoardMemory();
    memories.delete(runId);
    memories.set(runId, memory); // The last one used stands last.
    const [oldest = ''] = memories.keys();
    if (memories.size > runCountMax) memories.delete(oldest);
    return memory;
  };
  return {
    name: 'scoreboard',
    needs: ({ pass }) =>
      pass === 'coarse'
        ? { pictures: { perSecondMax: readsPerSecondMax, view: { kind: 'bands', share: bandShare } } }
        : undefined,
    detect: async (sample, signal) => {
      const { segment, pictures } = sample;
      if (!segment.video || pictures.length === 0) return { signals: [], spots: [] };
      const frame = { width: segment.video.width, height: segment.video.height };
      const lumas = pictures.map((picture) => lumaOf(picture, 2));
      const lines = await findLines({ pictures, lumas, frame, signal, parts });
      const read = (picture: RgbPicture, line: Box): Promise<Word[]> =>
        readText(picture, line, { inference: parts.inference, model: parts.textReader, alphabet, signal });
      return await readPictures(sample, { lines, lumas, frame, read, memory: memoryOf(segment.runId) });
    },
  };
}

/** Where text was found, and where text should be judging by that. */
interface Lines {
  found: Box[];
  guessed: Box[];
}

interface Frame {
  width: number;
  height: number;
}

/** Lines of text in what stands still between two pictures, or in the whole of a single one. */
async function findLines(about: {
  pictures: readonly RgbPicture[];
  lumas: readonly Luma[];
  frame: Frame;
  signal: AbortSignal;
  parts: { inference: Inference; textFinder: ModelPack };
}): Promise<Lines> {
  const bandRows = bandRowCount(bandShare, about.frame.height);
  const { picture, regions } = whereToLook(about.pictures, about.lumas, bandRows);
  const lines: Box[] = [];
  for (const region of regions) {
    lines.push(
      ...(await findText(picture, region, {
        inference: about.parts.inference,
        model: about.parts.textFinder,
        frameWidth: about.frame.width,
        signal: about.signal,
      })),
    );
  }
  const found = lines.slice(0, lineCountMax);
  return { found, guessed: missingLines(found).filter((line) => hasInk(picture, line)) };
}

function whereToLook(
  pictures: readonly RgbPicture[],
  lumas: readonly Luma[],
  bandRows: number,
): { picture: RgbPicture; regions: Box[] } {
  const last = pictures.at(-1) as RgbPicture;
  const wholeBands = [0, bandRows].map((top) => ({
    left: 0,
    right: last.width,
    top,
    bottom: top + bandRows,
  }));
  if (pictures.length === 1) return { picture: last, regions: wholeBands };

  let best: { picture: RgbPicture; regions: Box[]; pixels: number } | undefined;
  for (let index = 1; index < pictures.length; index += 1) {
    const [before, after, picture] = [lumas[index - 1], lumas[index], pictures[index]];
    if (!before || !after || !picture || after.values.length !== before.values.length) continue;
    const regions = staticRegions(before, after, bandRows).slice(0, regionCountMax);
    const pixels = regions.reduce((sum, box) => sum + (box.right - box.left) * (box.bottom - box.top), 0);
    if (!best || pixels > best.pixels) best = { picture, regions, pixels };
  }
  if (!best) return { picture: last, regions: wholeBands };
  // Camera and scene stand still: then nothing tells an overlay from a hoarding, and both are read.
  return best.pixels > 0.5 * last.width * last.height ? { picture: best.picture, regions: wholeBands } : best;
}

async function readPictures(
  sample: SegmentSample,
  about: {
    lines: Lines;
    lumas: readonly Luma[];
    frame: Frame;
    read: (picture: RgbPicture, line: Box) => Promise<Word[]>;
    memory: BoardMemory;
  },
): Promise<Findings> {
  const spots: Spot[] = [];
  const lines = [...about.lines.found, ...about.lines.guessed];
  for (const [index, picture] of sample.pictures.entries()) {
    const luma = about.lumas[index];
    if (!luma) continue;
    let words: Word[] = [];
    for (const [at, line] of lines.entries()) {
      const seen = { luma, atMs: sample.startMs, segmentId: sample.segment.id };
      let read = about.memory.wordsOf(line, seen);
      if (!read) {
        read = await about.read(picture, line);
        about.memory.keepWords(line, seen, read);
      }
      const isGuess = at >= about.lines.found.length;
      words.push(...(isGuess ? read.filter(isScoreLike) : read));
    }
    words = withoutEchoes(words);
    spots.push({
      atMs: picture.atMs,
      label: 'scoreboard',
      source: 'scoreboard',
      confidence:
        words.length === 0 ? 1 : words.reduce((sum, word) => sum + word.confidence, 0) / words.length,
      durationMs: 0,
      evidence: { fields: words.map((word) => fieldOf(word, about.frame)) },
    });
  }
  return { signals: [], spots };
}

/** Text has light and dark; the plain ground of a bug between two of its fields has not. */
const inkRangeMin = 60;

/** A digit is crossed from light to dark and back on most of its rows; the edge of a panel is crossed once. */
function hasInk(picture: RgbPicture, line: Box): boolean {
  const inset = Math.round((line.bottom - line.top) * 0.25);
  const [left, right] = [Math.ceil(line.left) + 2, Math.floor(line.right) - 2];
  const [top, bottom] = [Math.ceil(line.top) + inset, Math.floor(line.bottom) - inset];
  if (left < 0 || top < 0 || right > picture.width || bottom > picture.height || bottom <= top) return false;
  let crossedRows = 0;
  for (let y = top; y < bottom; y += 1) {
    const row = Array.from(
      { length: Math.max(0, right - left) },
      (_, x) => picture.rgb[(y * picture.width + left + x) * 3 + 1] ?? 0,
    );
    const [darkest, brightest] = [Math.min(...row), Math.max(...row)];
    if (brightest - darkest < inkRangeMin) continue;
    const middle = (darkest + brightest) / 2;
    const crossings = row.filter((value, x) => x > 0 && value > middle !== (row[x - 1] ?? 0) > middle).length;
    if (crossings >= 2) crossedRows += 1;
  }
  return crossedRows >= 0.4 * (bottom - top);
}

/** What is read at a guessed place has to be sure and to look like a score. */
function isScoreLike(word: Word): boolean {
  return word.confidence >= guessConfidenceMin && /^[\dOoQDIl|:-]+$/.test(word.text);
}

/** Neighbouring boxes overlap and read the same letter twice: of two words in one place the longer one is the whole. */
function withoutEchoes(words: readonly Word[]): Word[] {
  const kept: Word[] = [];
  for (const word of words.toSorted((one, other) => other.text.length - one.text.length)) {
    const middle = (word.left + word.right) / 2;
    const isEcho = kept.some(
      (one) =>
        one.left - 2 < middle && one.right + 2 > middle && one.top < word.bottom && one.bottom > word.top,
    );
    if (!isEcho) kept.push(word);
  }
  return kept.toSorted((one, other) => one.top - other.top || one.left - other.left);
}

/** From pixels of the two stacked bands to per mille of the whole picture. */
function fieldOf(word: Word, frame: Frame): { box: number[]; text: string; confidence: number } {
  const bandRows = bandRowCount(bandShare, frame.height);
  const isTop = word.top < bandRows;
  const top = isTop ? word.top : word.top - bandRows + (frame.height - bandRows);
  return {
    box: [
      perMille(word.left, frame.width),
      perMille(top, frame.height),
      perMille(word.right - word.left, frame.width),
      perMille(word.bottom - word.top, frame.height),
    ],
    text: word.text,
    confidence: Math.round(word.confidence * 1000) / 1000,
  };
}

function perMille(value: number, of: number): number {
  return Math.round((value / of) * 10_000) / 10;
}
