import { ChannelList } from './channels.js';
import { ask, make } from './dom.js';
import { MomentList } from './moments.js';

const pageSize = 50;
const at = (id) => document.getElementById(id);

const channels = new ChannelList(at('channels'), showProblem);
const moments = new MomentList(at('list'), showProblem);
let filter = 'all';

drawFilters();
at('new-channel').addEventListener('submit', (event) => void createChannel(event));
at('more').addEventListener('click', () => void loadMoments(moments.last?.id));
document.addEventListener('keydown', onKey);
/** The browser reconnects by itself and tells where it was; `hello` and `refresh` mean: load everything again. */
function listen() {
  const events = new EventSource('/api/v1/events');
  const on = (name, act) => events.addEventListener(name, (event) => act(JSON.parse(event.data)));
  events.addEventListener('open', () => showConnection('live', 'good'));
  events.addEventListener('error', () => showConnection('reconnecting', 'warn'));
  on('bye', () => showConnection('the server is stopping', 'warn'));
  on('hello', () => void loadAll());
  on('refresh', () => void loadAll());
  for (const kind of ['channel.changed', 'channel.health'])
    on(kind, ({ channelId }) => refetchChannel(channelId));
  for (const kind of ['moment.found', 'moment.revised', 'moment.withdrawn', 'moment.decided']) {
    on(kind, ({ subjectId }) => refetchMoment(subjectId));
  }
  // A moment has one clip, whose id is made from the moment's.
  for (const kind of ['clip.visible', 'clip.failed']) {
    on(kind, ({ subjectId }) => refetchMoment(subjectId.replace(/^clp_/, 'mom_')));
  }
}

const refetchMoment = together(async (id) => {
  const moment = await ask('GET', `/moments/${id}`);
  if (moment.state !== 'withdrawn' && isWanted(moment)) moments.update(moment);
  else moments.remove(id);
});

const refetchChannel = together(async (id) => {
  channels.update(await ask('GET', `/channels/${id}`));
});

/** Many events about one thing within 150 ms cost one question. */
function together(fetchOne) {
  const waiting = new Set();
  return (id) => {
    if (!id || waiting.has(id)) return;
    waiting.add(id);
    setTimeout(() => void fetchWaiting(id), 150);
  };

  async function fetchWaiting(id) {
    waiting.delete(id);
    try {
      await fetchOne(id);
    } catch (error) {
      if (error.status === 404) channels.remove(id);
      else showProblem(error.message);
    }
    summarise();
  }
}

async function loadAll() {
  try {
    channels.replaceAll((await ask('GET', '/channels')).channels);
    moments.clear();
    await loadMoments(undefined);
    at('problem').hidden = true;
  } catch (error) {
    showProblem(error.message);
  }
}

async function loadMoments(beforeId) {
  const query = new URLSearchParams({ limit: String(pageSize) });
  if (filter !== 'all') query.set('decision', filter);
  if (beforeId) query.set('beforeId', beforeId);
  const page = await ask('GET', `/moments?${query}`);
  for (const moment of page.moments) if (moment.state !== 'withdrawn') moments.update(moment);
  at('more').hidden = page.next === null;
  summarise();
}

async function createChannel(event) {
  event.preventDefault();
  const input = at('new-name');
  try {
    const made = await ask('POST', '/channels', { name: input.value.trim() });
    input.value = '';
    channels.replaceAll((await ask('GET', '/channels')).channels);
    channels.showKey(made.id, made.ingest);
    summarise();
  } catch (error) {
    showProblem(error.message);
  }
}

function drawFilters() {
  const names = { all: 'All', undecided: 'To decide', approved: 'Approved', rejected: 'Rejected' };
  at('filters').replaceChildren(
    ...Object.entries(names).map(([name, label]) =>
      make(
        'button',
        {
          type: 'button',
          'data-filter': name,
          'aria-pressed': String(name === filter),
          onclick: () => {
            filter = name;
            drawFilters();
            at('filters').querySelector(`[data-filter="${name}"]`)?.focus();
            void loadAll();
          },
        },
        label,
      ),
    ),
  );
}

function isWanted(moment) {
  return filter === 'all' || moment.decision === filter;
}

/** Single letters act on the marked card, and never while somebody types. */
function onKey(event) {
  const target = event.target;
  const isTyping = target instanceof HTMLInputElement || target.isContentEditable;
  if (isTyping || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    j: () => moments.move(1),
    k: () => moments.move(-1),
    a: () => void moments.current?.decide('approved'),
    x: () => void moments.current?.decide('rejected'),
    u: () => void moments.current?.decide('undecided'),
  };
  if (event.key === ' ' && target.closest('.moment') === target) {
    event.preventDefault();
    moments.current?.togglePlay();
    return;
  }
  const act = keys[event.key.toLowerCase()];
  if (act) act();
}

function summarise() {
  at('summary').textContent = `${channels.liveCount} of ${channels.size} channels live`;
  at('empty').hidden = moments.size > 0;
  at('empty').textContent =
    filter === 'all'
      ? 'No moments yet. They appear here by themselves, seconds after they happen.'
      : 'Nothing here in this filter.';
}

function showConnection(text, tone) {
  at('connection').textContent = text;
  at('connection').dataset.tone = tone;
}

function showProblem(text) {
  at('problem').textContent = text;
  at('problem').hidden = false;
}

listen();
