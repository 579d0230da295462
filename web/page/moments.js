import { ask, make, matchTime, wallTime } from './dom.js';

/** The cards of the moments, newest first. A card is made once and then kept up to date, so a playing clip plays on. */
export class MomentList {
  #root;
  #onProblem;
  #cards = new Map();

  constructor(root, onProblem) {
    this.#root = root;
    this.#onProblem = onProblem;
  }

  get size() {
    return this.#cards.size;
  }

  get last() {
    return [...this.#cards.values()].at(-1)?.moment;
  }

  clear() {
    this.#cards.clear();
    this.#root.replaceChildren();
  }

  has(id) {
    return this.#cards.has(id);
  }

  remove(id) {
    this.#cards.get(id)?.root.remove();
    this.#cards.delete(id);
  }

  update(moment) {
    const known = this.#cards.get(moment.id);
    if (known) {
      known.update(moment);
      return;
    }
    const card = new MomentCard(moment, this.#onProblem);
    const later = [...this.#cards.values()].find((other) => isNewer(moment, other.moment));
    this.#root.insertBefore(card.root, later?.root ?? null);
    this.#cards.set(moment.id, card);
    this.#cards = new Map(
      [...this.#cards].toSorted(([, a], [, b]) => (isNewer(a.moment, b.moment) ? -1 : 1)),
    );
  }

  /** Moves the mark by `step` cards and brings it into view. */
  move(step) {
    const cards = [...this.#cards.values()];
    const at = cards.findIndex(({ root }) => root.getAttribute('aria-current') === 'true');
    this.#mark(cards[Math.min(cards.length - 1, Math.max(0, at + step))]);
  }

  #mark(card) {
    if (!card) return;
    for (const { root } of this.#cards.values()) root.removeAttribute('aria-current');
    card.root.setAttribute('aria-current', 'true');
    card.root.focus({ preventScroll: true });
    card.root.scrollIntoView({ block: 'nearest' });
  }

  /** The card that the keys act on. */
  get current() {
    const cards = [...this.#cards.values()];
    return cards.find(({ root }) => root.getAttribute('aria-current') === 'true');
  }
}

function isNewer(one, other) {
  return one.peakWallMs === other.peakWallMs ? one.id > other.id : one.peakWallMs > other.peakWallMs;
}

class MomentCard {
  moment;
  root = make('article', { class: 'card moment', tabindex: '-1' });
  #video;
  #screen = make('div', { class: 'screen' });
  #about = make('div', { class: 'about' });
  #drawn = '';
  #onProblem;

  constructor(moment, onProblem) {
    this.#onProblem = onProblem;
    this.root.id = moment.id;
    this.root.append(this.#screen, this.#about);
    this.update(moment);
  }

  update(moment) {
    const before = this.moment;
    this.moment = moment;
    this.root.dataset.decision = moment.decision;
    this.#show(moment, before?.clip ?? null);
    const drawn = JSON.stringify(moment);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = this.#about.contains(document.activeElement)
      ? document.activeElement.dataset.decide
      : undefined;
    this.#about.replaceChildren(...this.#describe(moment));
    if (focused) this.#about.querySelector(`[data-decide="${focused}"]`)?.focus();
  }

  togglePlay() {
    if (!this.#video) return;
    if (this.#video.paused) void this.#video.play().catch(() => {});
    else this.#video.pause();
  }

  async decide(decision) {
    try {
      this.update(await ask('POST', `/moments/${this.moment.id}/decision`, { decision }));
    } catch (error) {
      this.#onProblem(error.message);
    }
  }

  /** A better cut takes the place of the one before at the same instant of the match, playing or not. */
  #show({ clip, state }, before) {
    if (!clip) {
      const text = state === 'failed' ? 'There is no clip' : 'The clip is being cut…';
      if (!this.#video) this.#screen.replaceChildren(make('div', { class: 'waiting' }, text));
      return;
    }
    const wide = clip.renditions.find(({ preset }) => preset === 'wide');
    if (!wide) return;
    const thumbnail = clip.renditions.find(({ preset }) => preset === 'thumbnail');
    if (!this.#video) {
      this.#video = make('video', { controls: true, playsInline: true, preload: 'metadata' });
      this.#video.setAttribute(
        'aria-label',
        `Clip: ${this.moment.label} at ${matchTime(this.moment.peakMs)}`,
      );
      this.#screen.replaceChildren(this.#video);
    }
    if (thumbnail) this.#video.poster = thumbnail.url;
    if (this.#video.getAttribute('src') === wide.url) return;
    const wallMs = before ? before.startWallMs + this.#video.currentTime * 1000 : undefined;
    const wasUsed = before !== null && (this.#video.currentTime > 0 || !this.#video.paused);
    const wasPlaying = before !== null && !this.#video.paused && !this.#video.ended;
    this.#video.src = wide.url;
    if (!wasUsed || wallMs === undefined) return;
    this.#video.addEventListener(
      'loadedmetadata',
      () => {
        this.#video.currentTime = Math.max(0, (wallMs - clip.startWallMs) / 1000);
        if (wasPlaying) void this.#video.play().catch(() => {});
      },
      { once: true },
    );
  }

  #describe(moment) {
    const { clip } = moment;
    const vertical = clip?.renditions.find(({ preset }) => preset === 'vertical');
    const wide = clip?.renditions.find(({ preset }) => preset === 'wide');
    return [
      make(
        'div',
        { class: 'head' },
        make('h3', { class: 'label' }, moment.label.replaceAll('-', ' ')),
        make('span', { class: 'score', title: 'How sure the analysis is, 0 to 1' }, moment.score.toFixed(2)),
      ),
      make(
        'p',
        { class: 'facts' },
        `${moment.channelName} · ${matchTime(moment.peakMs)} into the run · ${wallTime(moment.peakWallMs)} · ${((moment.outMs - moment.inMs) / 1000).toFixed(1)} s`,
      ),
      make('ul', { class: 'reasons', 'aria-label': 'Why this is a moment' }, ...reasonLines(moment.reasons)),
      make('p', { class: 'notes' }, cutLine(moment)),
      make(
        'div',
        { class: 'actions' },
        this.#decision('approved', 'Approve', 'approve'),
        this.#decision('rejected', 'Reject', 'reject'),
        wide
          ? make('a', { class: 'button', href: `${wide.url}?download`, download: '' }, 'Download')
          : undefined,
        vertical
          ? make('a', { class: 'button', href: `${vertical.url}?download`, download: '' }, 'Vertical')
          : undefined,
      ),
    ];
  }

  #decision(decision, label, className) {
    const isChosen = this.moment.decision === decision;
    return make(
      'button',
      {
        type: 'button',
        class: className,
        'data-decide': decision,
        'aria-pressed': String(isChosen),
        onclick: () => this.decide(isChosen ? 'undecided' : decision),
      },
      label,
    );
  }
}

/** Each reason with its share of the evidence, as a number and as a bar. */
function reasonLines(reasons) {
  return reasons.map(({ text, contribution }) => {
    const percent = Math.round(contribution * 100);
    return make(
      'li',
      { class: 'reason' },
      make('span', {}, text),
      make(
        'span',
        { class: 'muted', title: 'Share of the evidence' },
        percent === 0 ? '< 1 %' : `${percent} %`,
      ),
      make(
        'div',
        { class: 'track', 'aria-hidden': 'true' },
        make('div', { class: 'fill', 'width%': percent }),
      ),
    );
  });
}

function cutLine({ clip, state, stateReason }) {
  if (state === 'failed') return `No clip: ${stateReason ?? 'it could not be cut'}`;
  if (!clip) return 'No clip yet';
  const cut =
    clip.revision === 'fast'
      ? 'Fast cut; the exact one follows'
      : `Exact cut${clip.proven ? ', the moment was found in the file' : ', not proven'}`;
  return [cut, ...clip.notes].join(' · ');
}
