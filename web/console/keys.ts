import { signal } from '@preact/signals';

/**
 * One thing that a key does. `key` is compared with `event.key` (mnemonics: `a`, `?`, `Shift+Enter`), or with `event.code`
 * where the place on the keyboard counts (`KeyJ`, `KeyK`, `KeyL`).
 */
export interface KeyBinding {
  key: string;
  /** For the help and the line at the bottom: "approve". */
  does: string;
  /** Shown instead of `key`. */
  shown?: string;
  /** In the line at the bottom as well, not in the help alone. */
  isUsual?: boolean;
  act(event: KeyboardEvent): void;
}

interface KeyScope {
  name: string;
  bindings: readonly KeyBinding[];
}

/** Innermost last: a dialog's keys come before its page's, and those before the global ones. */
export const keyScopes = signal<readonly KeyScope[]>([]);
/** WCAG 2.1.4: single-letter keys can be turned off. */
export const areSingleKeysOn = signal(localStorage.getItem('touchline.single-keys') !== 'off');

export function turnSingleKeys(on: boolean): void {
  areSingleKeysOn.value = on;
  localStorage.setItem('touchline.single-keys', on ? 'on' : 'off');
}

/** Adds keys until the returned function is called. `isModal`: those beneath are deaf meanwhile. */
export function bindKeys(name: string, bindings: readonly KeyBinding[], isModal = false): () => void {
  const scope: KeyScope & { isModal: boolean } = { name, bindings, isModal };
  keyScopes.value = [...keyScopes.value, scope];
  return () => (keyScopes.value = keyScopes.value.filter((one) => one !== scope));
}

addEventListener('keydown', (event) => {
  if (event.isComposing || isTyping(event) || pressesControl(event)) return;
  const pressed = pressedKeys(event);
  for (const scope of keyScopes.value.toReversed()) {
    const binding = scope.bindings.find(({ key }) => pressed.includes(key));
    if (binding) {
      if (!areSingleKeysOn.value && isSingleLetter(binding.key)) return;
      event.preventDefault();
      binding.act(event);
      return;
    }
    if ((scope as { isModal?: boolean }).isModal) return;
  }
});

/** `Ctrl+z`, `Shift+KeyI`, `?`: all names under which a binding may know what was pressed. */
export function pressedKeys(
  event: Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
): string[] {
  if (event.altKey) return [];
  const command = event.ctrlKey || event.metaKey ? 'Ctrl+' : '';
  const shift = event.shiftKey ? 'Shift+' : '';
  const key = event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const names = [`${command}${shift}${key}`, `${command}${shift}${event.code}`];
  // "?" is Shift+/ on some keyboards and Shift+ß on others: what is no letter stands for itself.
  if (event.shiftKey && event.key.length === 1 && !/[a-z0-9]/i.test(event.key))
    names.push(`${command}${key}`);
  return names;
}

function isTyping({ target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  )
    return true;
  return (
    target instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button'].includes(target.type)
  );
}

/** Enter and Space belong to the button or link that has the focus. */
function pressesControl({ target, key }: KeyboardEvent): boolean {
  if (key !== 'Enter' && key !== ' ') return false;
  return target instanceof Element && target.closest('button, a[href], summary') !== null;
}

function isSingleLetter(key: string): boolean {
  return /^(Key[A-Z]|[a-z0-9])$/.test(key);
}
