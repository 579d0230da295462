import { useSignal, type Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

import { wordsOf } from './api.ts';
import { tellFault } from './toasts.tsx';

/** A form that is sent once at a time and says what was wrong beneath its fields. */
export function Form({
  label,
  submit,
  children,
  onSend,
}: {
  label: string;
  /** On the button: "Create". */
  submit: string;
  children: ComponentChildren;
  onSend: (fields: Record<string, string>) => Promise<void>;
}) {
  const fault = useSignal('');
  const isSending = useSignal(false);
  const send = async (form: HTMLFormElement): Promise<void> => {
    if (isSending.value) return;
    isSending.value = true;
    fault.value = '';
    try {
      await onSend(fieldsOf(form));
    } catch (error) {
      fault.value = wordsOf(error);
    } finally {
      isSending.value = false;
    }
  };
  return (
    <form
      class="form"
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        void send(event.currentTarget);
      }}
    >
      {children}
      {fault.value !== '' && (
        <p class="problem" role="alert">
          {fault.value}
        </p>
      )}
      <button type="submit" class="main" disabled={isSending.value}>
        {submit}
      </button>
    </form>
  );
}

function fieldsOf(form: HTMLFormElement): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of new FormData(form)) if (typeof value === 'string') fields[name] = value;
  return fields;
}

interface FieldProps {
  name: string;
  label: string;
  hint?: string;
  type?: 'text' | 'password';
  autocomplete?: string;
  minLength?: number;
  maxLength?: number;
  required?: boolean;
  placeholder?: string;
  autofocus?: boolean;
}

/** One labelled field. */
export function Field({ name, label, hint, type = 'text', ...rest }: FieldProps) {
  const input = { ...rest, name, id: `field-${name}`, 'aria-describedby': hint && `hint-${name}` };
  return (
    <p class="field">
      <label for={input.id}>{label}</label>
      {type === 'text' ? <input type="text" {...input} /> : <input type="password" {...input} />}
      {hint !== undefined && (
        <span id={`hint-${name}`} class="muted">
          {hint}
        </span>
      )}
    </p>
  );
}

/** Something shown once: a key, a link, a token. With a button that copies it. */
export function Secret({ label, value }: { label: string; value: string }) {
  return (
    <div class="secret">
      <span class="muted">{label}</span>
      <code>{value}</code>
      <CopyButton text={value} label={`Copy ${label}`} />
    </div>
  );
}

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const isDone = useSignal(false);
  return (
    <button
      type="button"
      class="copy"
      aria-label={label}
      onClick={() => void copy(text, isDone).catch(tellFault('Not copied'))}
    >
      {isDone.value ? 'Copied' : 'Copy'}
    </button>
  );
}

async function copy(text: string, isDone: Signal<boolean>): Promise<void> {
  await copyText(text);
  isDone.value = true;
  setTimeout(() => (isDone.value = false), 2_000);
}

/** @throws where the browser does not let us */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyAsBefore(text);
  }
}

/** Text that is still on its way: Safari lets only the click itself copy, so the promise is what is handed over. @throws as `text` does, or as `copyText` */
export async function copyLater(text: Promise<string>): Promise<void> {
  try {
    const blob = text.then((known) => new Blob([known], { type: 'text/plain' }));
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': blob })]);
  } catch {
    await copyText(await text);
  }
}

/** Plain http that is not localhost has no clipboard; the old way still works there. */
function copyAsBefore(text: string): void {
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  if (!isCopied) throw new Error('the browser does not let this page copy: select the text and copy it');
}
