import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Inference } from '../inference/inference.ts';
import type { ModelPack } from '../inference/model-manifest.ts';
import { resample, type Box, type RgbPicture } from './pixels.ts';

/** One word and where it stands, in picture pixels. */
export interface Word extends Box {
  text: string;
  /** Mean probability of its letters. */
  confidence: number;
}

const lineRows = 48;
/** 480 columns are 21 ms; a longer line is a banner or a ticker. */
const lineColumnsMax = 480;
/** Below this the reader is guessing at a crowd. */
const confidenceMin = 0.5;
const wanted = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:.-+'/& ";

/** What the columns of the reader's output stand for, of those that a bug may hold. */
export interface Alphabet {
  columns: Int32Array;
  letterOf: ReadonlyMap<number, string>;
}

/** Column 0 is "no letter", then come the keys in the file beside the model, then the space (PaddleOCR `use_space_char`). */
export function loadAlphabet(model: ModelPack): Alphabet {
  const keys = readFileSync(join(dirname(model.path), 'ppocr_keys_v1.txt'), 'utf8')
    .replace(/\r/g, '')
    .replace(/\n$/, '')
    .split('\n');
  const letterOf = new Map<number, string>();
  for (const [index, key] of [...keys, ' '].entries()) {
    if (key.length === 1 && wanted.includes(key)) letterOf.set(index + 1, key);
  }
  return { columns: Int32Array.from([0, ...letterOf.keys()]), letterOf };
}

/** The words of one line of text, left to right. */
export async function readText(
  picture: RgbPicture,
  line: Box,
  how: { inference: Inference; model: ModelPack; alphabet: Alphabet; signal: AbortSignal },
): Promise<Word[]> {
  const height = line.bottom - line.top;
  const width = line.right - line.left;
  // A multiple of 32 keeps the number of different shapes, and with it the memory of the runtime, small.
  const columns = Math.min(lineColumnsMax, Math.max(64, Math.ceil(((width / height) * lineRows) / 32) * 32));
  const scale = Math.max(width / columns, height / lineRows);
  const work = resample(picture, { ...line, right: line.left + columns * scale }, columns, lineRows);
  const outputs = await how.inference.run(
    how.model,
    {
      inputs: {
        [how.model.manifest.inputs[0]?.name ?? 'x']: { dims: [1, lineRows, columns, 3], data: work.rgb },
      },
      best: { output: how.model.manifest.outputs[0]?.name ?? '', columns: how.alphabet.columns },
    },
    how.signal,
  );
  const name = how.model.manifest.outputs[0]?.name ?? '';
  const index = outputs[`${name}.index`]?.data;
  const value = outputs[`${name}.value`]?.data;
  if (!(index instanceof Int32Array) || !(value instanceof Float32Array)) return [];
  const letters = lettersOf(index, value, how.alphabet);
  const perStep = (columns * scale) / index.length;
  return wordsOf(letters, height / perStep)
    .map((word) => {
      const first = word[0]?.step ?? 0;
      const last = word.at(-1)?.step ?? 0;
      return {
        text: withDigits(word.map((letter) => letter.text).join('')),
        confidence: word.reduce((sum, letter) => sum + letter.confidence, 0) / word.length,
        // A letter is found in its middle, and is about half as wide as the line is high.
        left: Math.max(line.left, line.left + (first + 0.5) * perStep - height / 4),
        right: Math.min(line.right, line.left + (last + 0.5) * perStep + height / 4),
        top: line.top,
        bottom: line.bottom,
      };
    })
    .filter((word) => word.confidence >= confidenceMin);
}

interface Letter {
  text: string;
  step: number;
  confidence: number;
}

/** CTC: a letter repeated from step to step is one letter, unless "no letter" stands between. */
export function lettersOf(index: Int32Array, value: Float32Array, alphabet: Alphabet): Letter[] {
  const letters: Letter[] = [];
  let before = 0;
  for (const [step, column] of index.entries()) {
    const text = alphabet.letterOf.get(column);
    if (text !== undefined && column !== before) letters.push({ text, step, confidence: value[step] ?? 0 });
    before = column;
  }
  return letters;
}

/** Digits of one number are up to 0.75 of the line's height apart in the widest fonts, those of "0 0" 1 and more. */
const digitsApart = 0.95;
const lettersApart = 1.5;
/** In a longer line the other letters tell how far apart letters are. */
const irregular = 1.6;

/** Parts a line at its spaces, and where letters stand further apart than in a word. */
function wordsOf(letters: readonly Letter[], heightSteps: number): Letter[][] {
  const line = letters.map((letter) => letter.text).join('');
  if (/^\d{1,3}:\d{2}$/.test(line)) return [[...letters]];
  const distances = letters.slice(1).map((letter, index) => letter.step - (letters[index]?.step ?? 0));
  // The lower quartile: in "ABC 1 0" half of the distances are the gaps that are looked for.
  const usual = distances.toSorted((one, other) => one - other)[(distances.length - 1) >> 2] ?? 0;
  const words: Letter[][] = [];
  let word: Letter[] = [];
  for (const letter of letters) {
    const before = word.at(-1);
    if ((letter.text === ' ' || isApart(before, letter)) && word.length > 0) {
      words.push(word);
      word = [];
    }
    if (letter.text !== ' ') word.push(letter);
  }
  if (word.length > 0) words.push(word);
  return words;

  function isApart(before: Letter | undefined, letter: Letter): boolean {
    if (!before) return false;
    const isAtDigit = /\d[\dA-Z]|[A-Z]\d/.test(before.text + letter.text);
    const allowed = (isAtDigit ? digitsApart : lettersApart) * heightSteps;
    const distance = letter.step - before.step;
    return distance > allowed && (letters.length < 4 || distance > irregular * usual);
  }
}

/** In a clock or a pair of scores every letter was meant as a digit. */
function withDigits(text: string): string {
  if (!/^[\dOoQDIl|SB]+[:.-][\dOoQDIl|SB]+$/.test(text) || !/\d/.test(text)) return text;
  return text
    .replace(/[OoQD]/g, '0')
    .replace(/[Il|]/g, '1')
    .replace(/S/g, '5')
    .replace(/B/g, '8');
}
