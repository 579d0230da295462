import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { areSingleKeysOn, bindKeys, keyScopes, turnSingleKeys } from '../keys.ts';
import { go } from '../router.ts';

/** Every key that works here and now, on `?`. */
export function KeyHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  const isWaiting = useSignal(false);
  const unbindPage = useRef<() => void>(undefined);
  useEffect(() => {
    const open = () => {
      dialog.current?.showModal();
      // The keys that are read about must not act on the page beneath, and Escape is the dialog's.
      unbindPage.current = bindKeys('Keys', [], true);
    };
    const unbind = bindKeys('Everywhere', [
      { key: '?', does: 'all keys', isUsual: true, act: open },
      {
        key: 'g',
        does: 'then R, L, C, O or S: go to Review, Live, Channels, Operations, Settings',
        act: () => {
          isWaiting.value = true;
          const places: Record<string, string> = {
            r: '/',
            l: '/live',
            c: '/channels',
            o: '/operations',
            s: '/settings',
          };
          const unbindPlaces = bindKeys(
            'Go to',
            Object.entries(places).map(([key, to]) => ({
              key,
              does: to,
              act: () => {
                end();
                go(to);
              },
            })),
          );
          const timer = setTimeout(end, 1_500);
          function end(): void {
            clearTimeout(timer);
            unbindPlaces();
            isWaiting.value = false;
          }
        },
      },
    ]);
    return unbind;
  }, [isWaiting]);

  const scopes = keyScopes.value.filter(({ bindings }) => bindings.length > 0).toReversed();
  return (
    <dialog
      ref={dialog}
      class="key-help"
      aria-labelledby="key-help-title"
      onClose={() => unbindPage.current?.()}
    >
      <h2 id="key-help-title">Keys</h2>
      <label class="check">
        <input
          type="checkbox"
          checked={areSingleKeysOn.value}
          onChange={(event) => turnSingleKeys(event.currentTarget.checked)}
        />
        Single letters work
      </label>
      {scopes.map(({ name, bindings }) => (
        <section key={name}>
          <h3>{name}</h3>
          <dl>
            {bindings.map(({ key, shown, does }) => (
              <div key={key}>
                <dt>
                  <kbd>{shown ?? key.replace(/Key(?=[A-Z]$)/, '')}</kbd>
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
