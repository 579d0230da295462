import { batch, computed, signal } from '@preact/signals';

import { ApiError, isNotFound, wordsOf } from '../../api.ts';
import { tell, tellFault } from '../../toasts.tsx';
import { type AddressMark, frameOfMark } from './address-mark.ts';
import type { Aspect } from './crop-window.ts';
import {
  type ClipState,
  type ContextFile,
  type Decision,
  decideMoment,
  type Draft,
  readClipFile,
  readClipState,
  readContext,
  recutClip,
  resetEdit,
  saveEdit,
} from './editor-api.ts';
import { type Merge, mergeEdits } from './merge-edits.ts';
import { markIn, markOut, type Trim } from './trim.ts';
import { limitsOf } from './trim-limits.ts';
import { changed, isSame, redone, settled, undone, type UndoStack, undoStackOf } from './undo-stack.ts';

/** Somebody saved meanwhile: what they have, and what came of putting both together. */
export interface Conflict {
  theirs: ClipState;
  merge: Merge<Draft>;
}

/**
 * What is edited and what the server holds. `draft` is mine and in no other browser until it is saved; `saved` is the newest that
 * was read. What somebody else saves never replaces a draft with work in it: it becomes a `conflict`, and a person decides.
 */
export class EditorDesk {
  readonly #clipId: string;
  readonly #closing = new AbortController();
  #opening: Promise<ContextFile> | undefined;
  readonly state = signal<ClipState | undefined>(undefined);
  readonly context = signal<ContextFile | undefined>(undefined);
  readonly fault = signal('');
  /** There is no clip of this id, or no longer. */
  readonly isMissing = signal(false);
  readonly isSaving = signal(false);
  readonly conflict = signal<Conflict | undefined>(undefined);
  readonly #stack = signal<UndoStack<Draft> | undefined>(undefined);
  /** What the draft began from: mine are the fields that differ from it. */
  readonly #base = signal<ClipState | undefined>(undefined);

  readonly draft = computed(() => this.#stack.value?.now);
  /** Somebody saved while there is work in my draft: saving will show what. */
  readonly isBehind = computed(() => (this.state.value?.version ?? 0) > (this.#base.value?.version ?? 0));
  readonly canUndo = computed(() => (this.#stack.value?.past.length ?? 0) > 0);
  readonly canRedo = computed(() => (this.#stack.value?.future.length ?? 0) > 0);
  readonly isDirty = computed(() => {
    const [draft, base] = [this.#stack.value?.now, this.#base.value];
    return draft !== undefined && base !== undefined && !isSame(draft, base.draft);
  });

  /** Where the mark lies that this page was opened with: that picture is shown first. */
  markedFrame: number | undefined;
  #mark: AddressMark | undefined;

  /** `mark`: an in or an out that was pressed on the page before; it becomes the first change of the draft. */
  constructor(clipId: string, mark?: AddressMark) {
    this.#clipId = clipId;
    this.#mark = mark;
  }

  /** Reads the newest, once the file to trim in is there. Only one at a time waits for that. */
  async load(): Promise<void> {
    try {
      this.#opening ??= readContext(this.#clipId, this.#closing.signal);
      const context = await this.#opening;
      const mark = this.#mark;
      const [state, file] = await Promise.all([
        readClipState(this.#clipId, context.clock),
        mark && readClipFile(this.#clipId).catch(tellFault('The mark is lost')),
      ]);
      batch(() => {
        this.context.value = context;
        this.#heard(state);
        this.fault.value = '';
        if (mark && file && this.#mark) this.#setMark(frameOfMark(mark, file, context.clock), mark.end);
      });
    } catch (error) {
      if (!this.context.peek()) this.#opening = undefined;
      this.isMissing.value = isNotFound(error);
      this.fault.value = wordsOf(error);
    }
  }

  close(): void {
    this.#closing.abort();
  }

  setTrim(trim: Trim, about?: string): void {
    this.#change({ inFrame: trim.inFrame, outFrame: trim.outFrame }, about);
  }

  setCrop(aspect: Exclude<Aspect, '16:9'>, x: number): void {
    const draft = this.draft.peek();
    if (draft) this.#change({ crop: { ...draft.crop, [aspect]: x } }, `crop ${aspect}`);
  }

  setWords(words: Partial<Pick<Draft, 'title' | 'tags'>>): void {
    this.#change(words, Object.keys(words).join());
  }

  /** The hand let go, the field was left: what comes next is a step of its own. */
  settle(): void {
    const stack = this.#stack.peek();
    if (stack) this.#stack.value = settled(stack);
  }

  undo(): void {
    const stack = this.#stack.peek();
    if (stack) this.#stack.value = undone(stack);
  }

  redo(): void {
    const stack = this.#stack.peek();
    if (stack) this.#stack.value = redone(stack);
  }

  async save(): Promise<void> {
    const [draft, base, context] = [this.draft.peek(), this.#base.peek(), this.context.peek()];
    if (!draft || !base || !context || this.isSaving.peek() || !this.isDirty.peek()) return;
    this.isSaving.value = true;
    try {
      const saved = await saveEdit(this.#clipId, { draft, base, clock: context.clock });
      this.#begin(saved, true);
      tell('Saved. The clip is being made anew; the old one stays until it is there.');
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'edit.conflict')
        return tellFault('Not saved')(error);
      const theirs = await readClipState(this.#clipId, context.clock).catch(() => undefined);
      if (theirs) this.conflict.value = { theirs, merge: mergeEdits(base.draft, draft, theirs.draft) };
      else tellFault('Not saved')(error);
    } finally {
      this.isSaving.value = false;
    }
  }

  /** Drops my work. */
  takeTheirs(): void {
    const conflict = this.conflict.peek();
    if (!conflict) return;
    this.#begin(conflict.theirs, false);
    this.conflict.value = undefined;
  }

  /** Mine on top of theirs, where both changed the same; it is saved by the next save. */
  putMineOnTop(): void {
    const conflict = this.conflict.peek();
    const stack = this.#stack.peek();
    if (!conflict || !stack) return;
    this.#base.value = conflict.theirs;
    this.state.value = conflict.theirs;
    this.#stack.value = changed(stack, conflict.merge.merged);
    this.conflict.value = undefined;
    void this.save();
  }

  /** Back to what was found, as a new revision. */
  async reset(): Promise<void> {
    const [base, context] = [this.#base.peek(), this.context.peek()];
    if (!base || !context) return;
    try {
      this.#begin(await resetEdit(this.#clipId, { base, clock: context.clock }), false);
      tell('Back to what was found. The clip is being made anew.');
    } catch (error) {
      tellFault('Not reset')(error);
      await this.load();
    }
  }

  /** What the server wants is cut once more; what is in my draft stays in it. */
  async recut(): Promise<void> {
    const context = this.context.peek();
    if (!context || this.isSaving.peek()) return;
    this.isSaving.value = true;
    try {
      const saved = await recutClip(this.#clipId, context.clock);
      const base = this.#base.peek();
      // The version in between holds nothing but another cut of what my draft began from.
      if (base?.version === saved.version - 1 && this.isDirty.peek()) {
        batch(() => {
          this.#base.value = saved;
          this.state.value = saved;
        });
      } else this.#heard(saved);
      tell('It is cut again');
    } catch (error) {
      tellFault('It could not be cut again')(error);
      await this.load();
    } finally {
      this.isSaving.value = false;
    }
  }

  async decide(decision: Decision): Promise<void> {
    const state = this.state.peek();
    if (!state || state.decision === decision) return;
    const before = state.decision;
    // At once: the event that confirms it comes after.
    this.state.value = { ...state, decision };
    try {
      await decideMoment(state.momentId, decision);
      tell(decision, { label: 'Undo', act: () => void this.decide(before) });
    } catch (error) {
      tellFault('Not decided')(error);
      await this.load();
    }
  }

  #setMark(frame: number, end: 'in' | 'out'): void {
    const [draft, context] = [this.draft.peek(), this.context.peek()];
    this.#mark = undefined;
    this.markedFrame = frame;
    if (!draft || !context) return;
    this.setTrim((end === 'in' ? markIn : markOut)(draft, frame, limitsOf(context.clock)), `mark ${end}`);
    this.settle();
  }

  #heard(state: ClipState): void {
    const base = this.#base.peek();
    if (!this.#stack.peek() || !base) return this.#begin(state, false);
    if (state.etag === base.etag) {
      this.state.value = state;
      return undefined;
    }
    if (!this.isDirty.peek()) return this.#begin(state, true);
    // I have work in hand: theirs is shown when I save, and the status of the files now.
    this.state.value = { ...state, draft: base.draft, etag: base.etag };
    return undefined;
  }

  #begin(state: ClipState, keepsSteps: boolean): void {
    const stack = this.#stack.peek();
    this.#base.value = state;
    this.#stack.value =
      keepsSteps && stack ? { ...settled(stack), now: state.draft } : undoStackOf(state.draft);
    this.state.value = state;
  }

  #change(part: Partial<Draft>, about?: string): void {
    const stack = this.#stack.peek();
    if (stack) this.#stack.value = changed(stack, { ...stack.now, ...part }, about);
  }
}
