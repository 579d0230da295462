import type { ComponentType } from 'preact';

import { isSignedOut } from './api.ts';
import { lazy } from './lazy.tsx';
import { match } from './match-path.ts';
import { NotFound } from './not-found.tsx';
import { path } from './router.ts';
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
  const found = routeAt(at);
  if (!found) return <NoSuchPage />;
  if (!isSignedIn.value) return <LoginPage isAgain={isSignedOut.value} />;
  const { route, params } = found;
  const { pattern, title, page: Page } = route;
  document.title = title === 'Review' ? 'Touchline' : `${title} · Touchline`;
  return (
    <Shell title={title}>
      <Page key={pattern} params={params} />
    </Shell>
  );
}

function routeAt(at: string): { route: Route; params: Record<string, string> } | undefined {
  for (const route of routes) {
    const params = match(route.pattern, at);
    if (params) return { route, params };
  }
  return undefined;
}

/** The server has said the same with its 404. Whoever is not signed in need not be asked to sign in for that. */
function NoSuchPage() {
  document.title = 'No such page · Touchline';
  const text = <NotFound what="There is no page at this address." />;
  return isSignedIn.value ? (
    <Shell title="No such page">{text}</Shell>
  ) : (
    <main class="not-found-alone">
      <h1>Touchline</h1>
      {text}
    </main>
  );
}
