import { computed, signal } from '@preact/signals';

/** Where we are: `/channels/ch_1`. The query and the fragment belong to the page that reads them. */
const here = signal(location.pathname);

addEventListener('popstate', () => (here.value = location.pathname));

export const path = computed(() => here.value);

/** Called before a page is left; false keeps us here (unsaved work). */
let mayLeave: (() => boolean) | undefined;

export function guardLeaving(ask: (() => boolean) | undefined): void {
  mayLeave = ask;
}

export function go(to: string, how: { replace?: boolean } = {}): void {
  const target = new URL(to, location.href);
  if (target.pathname !== here.value && mayLeave && !mayLeave()) return;
  mayLeave = undefined;
  history[how.replace ? 'replaceState' : 'pushState']({}, '', target);
  here.value = target.pathname;
}

/** Links stay links (middle click, copy address); a plain click does not load the page anew. */
export function onLinkClick(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.target !== '' || link.hasAttribute('download')) return;
  if (link.origin !== location.origin || link.pathname.startsWith('/api/')) return;
  // A fragment on the same page is the browser's: "skip to the content".
  if (link.pathname === location.pathname && link.hash !== '') return;
  event.preventDefault();
  go(link.href);
}
