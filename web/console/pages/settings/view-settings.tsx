import { useSignal } from '@preact/signals';

import { areSingleKeysOn, turnSingleKeys } from '../../keys.ts';

const themes = [
  ['', 'As the system'],
  ['dark', 'Dark'],
  ['light', 'Light'],
] as const;

/** How this browser shows the console. Kept in the browser, for it alone. */
export function ViewSettings() {
  const theme = useSignal(document.documentElement.dataset['theme'] ?? '');
  const choose = (name: string): void => {
    theme.value = name;
    if (name === '') {
      delete document.documentElement.dataset['theme'];
      localStorage.removeItem('touchline.theme');
    } else {
      document.documentElement.dataset['theme'] = name;
      localStorage.setItem('touchline.theme', name);
    }
  };
  return (
    <section aria-labelledby="view-title">
      <h2 id="view-title">View</h2>
      <fieldset class="scopes">
        <legend>Colours</legend>
        {themes.map(([name, label]) => (
          <label key={name} class="check">
            <input type="radio" name="theme" checked={theme.value === name} onChange={() => choose(name)} />
            {label}
          </label>
        ))}
      </fieldset>
      <label class="check">
        <input
          type="checkbox"
          checked={areSingleKeysOn.value}
          onChange={(event) => turnSingleKeys(event.currentTarget.checked)}
        />
        Single letters are keys (A approves, X rejects). Turn off when you speak to your computer.
      </label>
    </section>
  );
}
