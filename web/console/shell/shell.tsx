import type { ComponentChildren } from 'preact';

import { liveState } from '../live/live-events.ts';
import { keyScopes } from '../keys.ts';
import { path } from '../router.ts';
import { may } from '../session.ts';
import { Toasts } from '../toasts.tsx';
import { HealthPills } from './health-pills.tsx';
import { Icon, type IconName } from './icons.tsx';
import { KeyHelp } from './key-help.tsx';

interface Place {
  to: string;
  label: string;
  icon: IconName;
  /** Paths that belong to it besides its own. */
  also?: RegExp;
}

const places: readonly Place[] = [
  { to: '/', label: 'Review', icon: 'review', also: /^\/(clips|moments)\// },
  { to: '/live', label: 'Live', icon: 'live' },
  { to: '/channels', label: 'Channels', icon: 'channels', also: /^\/(channels|runs)\// },
  { to: '/operations', label: 'Operations', icon: 'operations' },
  { to: '/settings', label: 'Settings', icon: 'settings' },
];

/** What every page of somebody signed in stands in: the rail, the pills at the top, the keys at the bottom. */
export function Shell({ title, children }: { title: string; children: ComponentChildren }) {
  const at = path.value;
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <nav class="rail" aria-label="Pages">
        {places.map(({ to, label, icon, also }) => (
          <a key={to} href={to} aria-current={at === to || also?.test(at) ? 'page' : undefined}>
            <Icon name={icon} />
            <span>{label}</span>
          </a>
        ))}
      </nav>
      <header class="top">
        <h1>{title}</h1>
        {may('read') && <HealthPills />}
        <p class={`connection connection-${liveState.value}`} role="status">
          <span class="dot" aria-hidden="true" />
          {stateWords[liveState.value]}
        </p>
      </header>
      <main id="content" tabIndex={0}>
        {children}
      </main>
      <UsualKeys />
      <Toasts />
      <KeyHelp />
    </div>
  );
}

const stateWords = {
  connecting: 'Connecting',
  live: 'Connected',
  lost: 'Connection lost, trying again',
  'signed-out': 'Signed out',
} as const;

function UsualKeys() {
  const usual = keyScopes.value.flatMap(({ bindings }) => bindings).filter(({ isUsual }) => isUsual);
  return (
    <footer class="keys" aria-label="Keys">
      {usual.map(({ key, shown, does }) => (
        <span key={key}>
          <kbd>{shown ?? key.replace(/^Key/, '').toUpperCase()}</kbd> {does}
        </span>
      ))}
    </footer>
  );
}
