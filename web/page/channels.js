import { ask, make, wallTime } from './dom.js';

const tones = { live: 'good', degraded: 'warn', failed: 'bad', starting: 'warn', stopping: 'warn' };

/** The cards of the channels. A key is shown once, in the card, until the page is left or the key is hidden. */
export class ChannelList {
  #root;
  #onProblem;
  #channels = new Map();
  #keys = new Map();

  constructor(root, onProblem) {
    this.#root = root;
    this.#onProblem = onProblem;
  }

  get size() {
    return this.#channels.size;
  }

  get liveCount() {
    return [...this.#channels.values()].filter(({ state }) => state === 'live' || state === 'degraded')
      .length;
  }

  replaceAll(channels) {
    this.#channels = new Map(channels.map((channel) => [channel.id, channel]));
    const known = new Set(this.#channels.keys());
    for (const card of this.#root.querySelectorAll('.channel')) if (!known.has(card.id)) card.remove();
    for (const channel of channels) this.#draw(channel);
  }

  remove(id) {
    if (this.#channels.delete(id)) document.getElementById(id)?.remove();
  }

  update(channel) {
    if (channel.state === 'deleted') {
      this.remove(channel.id);
      return;
    }
    this.#channels.set(channel.id, channel);
    this.#draw(channel);
  }

  showKey(channelId, ingest) {
    this.#keys.set(channelId, ingest);
    const channel = this.#channels.get(channelId);
    if (channel) this.#draw(channel);
  }

  /** Live health comes several times a minute: nothing is touched that looks the same, so that focus stays. */
  #draw(channel) {
    const drawn = JSON.stringify([channel, this.#keys.has(channel.id)]);
    const old = document.getElementById(channel.id);
    if (old?.dataset.drawn === drawn) return;
    const card = this.#card(channel);
    card.dataset.drawn = drawn;
    if (!old) {
      this.#root.append(card);
      return;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement?.dataset.action : undefined;
    old.replaceWith(card);
    if (focused) card.querySelector(`[data-action="${focused}"]`)?.focus();
  }

  #card(channel) {
    const { health } = channel;
    const isStopped = channel.state === 'idle' || channel.state === 'failed';
    const key = this.#keys.get(channel.id);
    return make(
      'article',
      { class: 'card channel', id: channel.id },
      make(
        'div',
        { class: 'head' },
        make('h3', {}, channel.name),
        make('span', { class: 'pill', 'data-tone': tones[channel.state] ?? 'idle' }, channel.state),
      ),
      make('p', { class: 'facts' }, describe(health)),
      health && health.advice.length > 0
        ? make('ul', { class: 'advice' }, ...health.advice.map((line) => make('li', {}, line)))
        : undefined,
      channel.stateReason ? make('p', { class: 'notes' }, channel.stateReason) : undefined,
      key ? this.#keyPanel(channel, key) : addressLine(channel),
      channel.keys.length > 1 ? this.#keyList(channel) : undefined,
      make(
        'div',
        { class: 'actions' },
        // A key opens our own ingest and nothing else.
        channel.driver === 'local'
          ? this.#button('new-key', 'New key', async () => {
              const { ingest } = await ask('POST', `/channels/${channel.id}/keys`);
              await this.#reload(channel);
              this.showKey(channel.id, ingest);
            })
          : undefined,
        isStopped
          ? this.#button('start', 'Start', async () =>
              this.update(await ask('POST', `/channels/${channel.id}/start`)),
            )
          : this.#button('stop', 'Stop', async () =>
              this.update(await ask('POST', `/channels/${channel.id}/stop`)),
            ),
      ),
    );
  }

  async #reload(channel) {
    this.update(await ask('GET', `/channels/${channel.id}`));
  }

  /** Two keys live side by side while an encoder moves to the new one; the old one is taken back here. */
  #keyList(channel) {
    return make(
      'ul',
      { class: 'keys', 'aria-label': 'Live keys' },
      ...channel.keys.map((key) =>
        make(
          'li',
          {},
          make('span', {}, `key ${key.id}, from ${wallTime(key.createdAtMs)} `),
          this.#button(`revoke-${key.id}`, 'Revoke', async () => {
            await ask('DELETE', `/channels/${channel.id}/keys/${key.id}`);
            await this.#reload(channel);
          }),
        ),
      ),
    );
  }

  #keyPanel(channel, ingest) {
    return make(
      'div',
      { class: 'key' },
      make('strong', {}, 'The key is shown this once'),
      make('span', {}, 'Server '),
      make('code', {}, ingest.rtmp.replace(/\/[^/]*$/, '')),
      make('span', {}, 'Stream key '),
      make('code', {}, ingest.key),
      make(
        'div',
        { class: 'actions' },
        copy('Copy key', ingest.key),
        copy('Copy address', ingest.rtmp),
        make(
          'button',
          {
            type: 'button',
            onclick: () => {
              this.#keys.delete(channel.id);
              this.#draw(channel);
            },
          },
          'Hide',
        ),
      ),
    );
  }

  #button(action, label, act) {
    return make(
      'button',
      {
        type: 'button',
        'data-action': action,
        onclick: async ({ currentTarget: button }) => {
          button.disabled = true;
          try {
            await act();
          } catch (error) {
            this.#onProblem(error.message);
          }
          button.disabled = false;
        },
      },
      label,
    );
  }
}

function copy(label, text) {
  return make('button', { type: 'button', onclick: () => void navigator.clipboard?.writeText(text) }, label);
}

function addressLine(channel) {
  if (channel.driver !== 'local') return endpointLines(channel);
  return make(
    'div',
    { class: 'address' },
    make('span', { class: 'muted' }, 'Push to'),
    make('code', {}, `${channel.ingest.rtmp}/<key>`),
  );
}

/** Where another driver is pushed to, or pulls from; none while it is still making its doors. */
function endpointLines({ driver, endpoints }) {
  return make(
    'div',
    { class: 'address' },
    make('span', { class: 'muted' }, endpoints.length === 0 ? driver : `${driver}:`),
    ...endpoints.flatMap(({ label, url }) => [
      make('span', { class: 'muted' }, label),
      make('code', {}, url),
    ]),
  );
}

function describe(health) {
  if (!health || health.bitrateBps === 0) return 'No picture yet';
  return [
    `${health.width}×${health.height}`,
    `${round(health.framesPerSecond)} fps`,
    `${round(health.bitrateBps / 1_000_000)} Mb/s`,
    `keyframe every ${round(health.keyframeIntervalMs / 1000)} s`,
    health.hasAudio ? 'sound' : 'no sound',
    health.droppedFrameCount > 0 ? `${health.droppedFrameCount} frames dropped` : '',
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

function round(value) {
  return String(Math.round(value * 10) / 10);
}
