import type { ComponentType } from 'preact';

import { isSignedOut } from './api.ts';
import { lazy } from './lazy.tsx';
import { match, path } from './router.ts';
import { isSignedIn, me } from './session.ts';
import { Shell } from './shell/shell.tsx';

interface Route {
  pattern: string;
  title: string;
  page: ComponentType<{ params: Record<string, string> }>;
}

/** Pages of somebody who is signed in. Each is a file of its own, loaded when it is opened. */
const routes: readonly Route[] = [
  {
    pattern: '/',
    title: 'Review',
    page: lazy(async () => (await import('./pages/review/review-page.tsx')).ReviewPage),
  },
  {
    pattern: '/clips/:id',
    title: 'Clip',
    page: lazy(async () => (await import('./pages/editor/editor-page.tsx')).EditorPage),
  },
  {
    pattern: '/live',
    title: 'Live',
    page: lazy(async () => (await import('./pages/live/live-page.tsx')).LivePage),
  },
  {
    pattern: '/channels',
    title: 'Channels',
    page: lazy(async () => (await import('./pages/channels/channels-page.tsx')).ChannelsPage),
  },
  {
    pattern: '/channels/:id',
    title: 'Channel',
    page: lazy(async () => (await import('./pages/stream/stream-page.tsx')).StreamPage),
  },
  {
    pattern: '/operations',
    title: 'Operations',
    page: lazy(async () => (await import('./pages/operations/operations-page.tsx')).OperationsPage),
  },
  {
    pattern: '/operations/clips/:id',
    title: 'Waterfall',
    page: lazy(async () => (await import('./pages/operations/waterfall-page.tsx')).WaterfallPage),
  },
  {
    pattern: '/settings',
    title: 'Settings',
    page: lazy(async () => (await import('./pages/settings/settings-page.tsx')).SettingsPage),
  },
];

/** Pages that ask for no account. */
const LoginPage = lazy(async () => (await import('./pages/login/login-page.tsx')).LoginPage);
const WelcomePage = lazy(async () => (await import('./pages/login/welcome-page.tsx')).WelcomePage);
const ContributorPage = lazy(
  async () => (await import('./pages/contributor/contributor-page.tsx')).ContributorPage,
);

export function App() {
  const at = path.value;
  const shared = match('/c/:secret', at);
  if (shared) return <ContributorPage secret={shared['secret'] ?? ''} />;
  if (at === '/welcome') return <WelcomePage />;
  if (me.value === undefined) return <p class="loading">Loading</p>;
  if (!isSignedIn.value) return <LoginPage isAgain={isSignedOut.value} />;
  for (const { pattern, title, page: Page } of routes) {
    const params = match(pattern, at);
    if (!params) continue;
    document.title = title === 'Review' ? 'Touchline' : `${title} · Touchline`;
    return (
      <Shell title={title}>
        <Page key={pattern} params={params} />
      </Shell>
    );
  }
  return (
    <Shell title="Not here">
      <p class="empty">
        There is no page at this address. <a href="/">To the review</a>
      </p>
    </Shell>
  );
}
