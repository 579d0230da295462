import { useSignal } from '@preact/signals';

import { type FrameClock, frameLabel } from './frame-clock.ts';
import { parseTimeEntry } from './time-entry.ts';

/** Shows a frame as time code and takes one that is typed: `+12`, `-1s`, `73:12:10`. */
export function TimeField(props: {
  id: string;
  label: string;
  clock: FrameClock;
  frame: number;
  isReadOnly: boolean;
  onFrame: (frame: number) => void;
}) {
  const { id, label, clock, frame, isReadOnly, onFrame } = props;
  const typed = useSignal<string | undefined>(undefined);
  const isWrong = useSignal(false);
  const take = (input: HTMLInputElement): void => {
    const text = typed.peek();
    typed.value = undefined;
    isWrong.value = false;
    if (text === undefined || text.trim() === '') return;
    const entered = parseTimeEntry(text, clock, frame);
    if (entered === undefined) {
      typed.value = text;
      isWrong.value = true;
      return;
    }
    onFrame(entered);
    input.select();
  };
  return (
    <p class="time-field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        class="mono"
        size={10}
        autocomplete="off"
        spellcheck={false}
        readOnly={isReadOnly}
        value={typed.value ?? frameLabel(clock, frame)}
        aria-invalid={isWrong.value}
        aria-describedby={`${id}-hint`}
        title="+12 frames, -1s, or 73:12:10"
        onFocus={(event) => event.currentTarget.select()}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          isWrong.value = false;
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') take(event.currentTarget);
          if (event.key === 'Escape') {
            typed.value = undefined;
            isWrong.value = false;
            event.currentTarget.blur();
          }
        }}
        onBlur={(event) => take(event.currentTarget)}
      />
      <span id={`${id}-hint`} class={isWrong.value ? 'bad' : 'visually-hidden'}>
        {isWrong.value ? 'try +12, -1s or 73:12:10' : 'Frames as +12, seconds as -1s, or a time code'}
      </span>
    </p>
  );
}
