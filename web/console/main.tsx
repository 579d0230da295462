import { render } from 'preact';

import { wordsOf } from './api.ts';
import { App } from './app.tsx';
import { match } from './match-path.ts';
import { onLinkClick, path } from './router.ts';
import { readSession } from './session.ts';
import './style/base.css';
import './style/form.css';
import './style/shell.css';

const root = document.querySelector('#app');
if (!root) throw new Error('the page has no #app');
document.addEventListener('click', onLinkClick);
const theme = localStorage.getItem('touchline.theme');
if (theme !== null) document.documentElement.dataset['theme'] = theme;
render(<App />, root);

// A contributor has no session and needs none.
if (!match('/c/:secret', path.value)) await start();

async function start(): Promise<void> {
  for (;;) {
    try {
      await readSession();
      return;
    } catch (error) {
      root?.setAttribute('data-fault', wordsOf(error));
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      root?.removeAttribute('data-fault');
    }
  }
}
