import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';

import { wordsOf } from './api.ts';

/** A page that is loaded when it is first opened. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const loaded = signal<ComponentType<P> | { fault: string } | undefined>(undefined);
  let isAsked = false;
  return function LazyPage(props: P) {
    if (!isAsked) {
      isAsked = true;
      load().then(
        (page) => (loaded.value = page),
        (error: unknown) => {
          loaded.value = { fault: wordsOf(error) };
          isAsked = false;
        },
      );
    }
    const Page = loaded.value;
    if (Page === undefined) return <p class="loading">Loading</p>;
    // A new version of the server has other file names: the page has to be loaded anew.
    if (typeof Page === 'object') {
      return (
        <p class="problem" role="alert">
          This page could not be loaded ({Page.fault}).{' '}
          <button type="button" onClick={() => location.reload()}>
            Load again
          </button>
        </p>
      );
    }
    return <Page {...props} />;
  };
}
