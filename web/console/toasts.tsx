import { signal } from '@preact/signals';

import { wordsOf } from './api.ts';

interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'bad';
  action?: { label: string; act(): void };
}

const shown = signal<readonly Toast[]>([]);
let lastId = 0;
/** Long enough to read and to undo. */
const shownMs = 10_000;

/** Says something at the edge of the page for ten seconds: `tell('Approved', { label: 'Undo', act })`. */
export function tell(text: string, action?: Toast['action'], tone: Toast['tone'] = 'plain'): void {
  lastId += 1;
  const toast: Toast = { id: lastId, text, tone, ...(action ? { action } : {}) };
  // The newest three: more would hide the page.
  shown.value = [...shown.value, toast].slice(-3);
  setTimeout(() => dismiss(toast.id), shownMs);
}

/** For `.catch`: a fault is shown, never swallowed. */
export function tellFault(what: string): (error: unknown) => void {
  return (error) => {
    tell(`${what}: ${wordsOf(error)}`, undefined, 'bad');
  };
}

function dismiss(id: number): void {
  shown.value = shown.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.value.map(({ id, text, tone, action }) => (
        <div key={id} class={`toast toast-${tone}`}>
          <span>{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                action.act();
                dismiss(id);
              }}
            >
              {action.label}
            </button>
          )}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
