import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';

import type { Scope } from '../../../../control/principal.ts';
import { may } from '../../session.ts';
import { AccountSettings } from './account-settings.tsx';
import { TokenSettings } from './token-settings.tsx';
import { UserSettings } from './user-settings.tsx';
import { ViewSettings } from './view-settings.tsx';
import { WebhookSettings } from './webhook-settings.tsx';
import './settings.css';

interface Tab {
  name: string;
  scope: Scope;
  panel: ComponentType;
}

const tabs: readonly Tab[] = [
  { name: 'You', scope: 'read', panel: AccountSettings },
  { name: 'View', scope: 'read', panel: ViewSettings },
  { name: 'Tokens', scope: 'read', panel: TokenSettings },
  { name: 'Webhooks', scope: 'operate', panel: WebhookSettings },
  { name: 'People', scope: 'admin', panel: UserSettings },
];

export function SettingsPage(_props: { params: Record<string, string> }) {
  const open = useSignal('You');
  const shown = tabs.filter(({ scope }) => may(scope));
  const Panel = (shown.find(({ name }) => name === open.value) ?? shown[0])?.panel;
  return (
    <div class="settings">
      <div class="tabs" role="tablist" aria-label="Settings">
        {shown.map(({ name }, nth) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === open.value}
            aria-controls="settings-panel"
            tabIndex={name === open.value ? 0 : -1}
            onClick={() => (open.value = name)}
            onKeyDown={(event) => {
              const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
              const next = step === undefined ? undefined : shown.at((nth + step) % shown.length);
              if (!next) return;
              open.value = next.name;
              document.getElementById(`tab-${next.name}`)?.focus();
            }}
          >
            {name}
          </button>
        ))}
      </div>
      <div id="settings-panel" role="tabpanel" aria-labelledby={`tab-${open.value}`}>
        {Panel && <Panel />}
      </div>
    </div>
  );
}
