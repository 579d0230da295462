import { z } from 'zod';

import type { Spot } from '../../core/moment.ts';
import { joinSpots, spotLabels } from './evidence.ts';

/** What the scoreboard detector says of one picture. Boxes are [x, y, width, height] in per mille of the picture. */
const readEvidence = z.object({
  fields: z.array(
    z.object({
      box: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      text: z.string(),
      confidence: z.number(),
    }),
  ),
});

/** One look at the picture: the words that stood still on it. Empty = it was looked at and nothing stood still. */
export interface ScoreboardRead {
  atMs: number;
  tokens: ScoreToken[];
}

export interface ScoreToken {
  text: string;
  confidence: number;
  /** Centre, width and height in per mille of the picture's height (x is stretched by 16:9 to the same unit). */
  x: number;
  y: number;
  width: number;
  height: number;
  /** "2-1" is two tokens: before the hyphen, and behind it. */
  part: 'whole' | 'first' | 'second';
}

/** Spots of the scoreboard detector as reads, ascending in time. Spots of another shape are not ours and are left out. */
export function scoreboardReads(spots: readonly Spot[], untilMs: number): ScoreboardRead[] {
  return joinSpots(spots, spotLabels.scoreboard, untilMs).flatMap((spot) => {
    const parsed = readEvidence.safeParse(spot.evidence);
    if (!parsed.success) return [];
    return [{ atMs: spot.atMs, tokens: joinClocks(parsed.data.fields.flatMap(tokensOf)) }];
  });
}

const aspect = 16 / 9;
const pair = /^(\d{1,3})([-–—:])(\d{1,3})$/;
const clockLike = /^\d{1,3}:\d{2}$/;

type Field = z.infer<typeof readEvidence>['fields'][number];

/** Words of a field, each where it stands on the line: letters of a bug are about equally wide. */
function tokensOf(field: Field): ScoreToken[] {
  const [left, top, width, height] = field.box;
  const perLetter = width / Math.max(1, field.text.length);
  const piece = (from: number, text: string, part: ScoreToken['part']): ScoreToken => ({
    text: asDigit(text),
    confidence: field.confidence,
    x: (left + (from + text.length / 2) * perLetter) * aspect,
    y: top + height / 2,
    width: text.length * perLetter * aspect,
    height,
    part,
  });
  return [...field.text.matchAll(/\S+/g)].flatMap((match) => {
    const word = match[0];
    const numbers = clockLike.test(word) ? null : pair.exec(word);
    if (!numbers) return [piece(match.index, word, 'whole')];
    const [, first = '', , second = ''] = numbers;
    return [
      piece(match.index, first, 'first'),
      piece(match.index + word.length - second.length, second, 'second'),
    ];
  });
}

/** A lone O or l on a bug is a nought or a one: the reader knows letters better than the sport. */
function asDigit(text: string): string {
  if (/^[oOQD]$/.test(text)) return '0';
  if (/^[lI|]$/.test(text)) return '1';
  return text;
}

/** "06" beside ":25" is one clock; left apart, its minutes would count like a score. */
function joinClocks(tokens: ScoreToken[]): ScoreToken[] {
  const joined: ScoreToken[] = [];
  for (const token of tokens.toSorted((one, other) => one.x - other.x)) {
    const before = joined.findLast((one) => Math.abs(one.y - token.y) < one.height / 2);
    const isTail = /^:\d{2}$/.test(token.text) && before !== undefined && /^\d{1,3}$/.test(before.text);
    const isHead = before !== undefined && /^\d{1,3}:$/.test(before.text) && /^\d{2}$/.test(token.text);
    if (
      before &&
      (isTail || isHead) &&
      token.x - before.x < (token.width + before.width) / 2 + token.height
    ) {
      const left = before.x - before.width / 2;
      const right = token.x + token.width / 2;
      Object.assign(before, {
        text: before.text + token.text,
        x: (left + right) / 2,
        width: right - left,
        part: 'whole',
      });
    } else joined.push({ ...token });
  }
  return joined;
}
