import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ContributorPage as Opened, TimelineDesk } from '../../control/timeline-desk.ts';
import { TouchlineError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { Secret } from '../../core/secret.ts';
import { ingestLines, reachableBase } from '../../web/api/ingest-lines.ts';
import { contributorPage } from '../../web/api/schemas/contributor.ts';
import { withoutSecrets } from '../../web/problem.ts';
import { TokenBuckets } from '../../web/token-buckets.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from './fake-desk.ts';
import { noTimeline } from './fake-timeline.ts';

const right = 'R'.repeat(22);
const wrong = 'W'.repeat(22);
const opened: Opened = {
  view: {
    channel: '<b>Court 1</b>',
    channelId: 'ch_secret_id',
    driver: 'local',
    state: 'waiting',
    status: 'noData',
    headline: 'Waiting for the first frame.',
    issues: [],
    feed: null,
    history: { bitrateBps: [], framesPerSecond: [], keyframeIntervalMs: [], audioDb: [] },
    still: null,
    endpoints: [],
  },
  key: new Secret('tl_12345678_0123456789abcdef0123456789abcdef'),
  expiresAtMs: 2_000_000_000_000,
};

let nowMs = 0;
const clock = { nowMs: () => 1_700_000_000_000 + nowMs, monotonicMs: () => nowMs, sleep: waitForEver };
let logged = '';
let web: Awaited<ReturnType<typeof startTestWeb>>;
let contributor: TimelineDesk['contributor'];
beforeEach(async () => {
  nowMs = 0;
  logged = '';
  contributor = async (secret) => await Promise.resolve(secret.reveal() === right ? opened : undefined);
  web = await startTestWeb({
    desk: new FakeDesk(),
    token: new Secret('owner'),
    clock,
    log: writingLog,
    timeline: noTimeline({ contributor: async (secret) => await contributor(secret) }),
  });
});
afterEach(async () => await web.stop());

const write = (message: string, fields?: object) => {
  const shown = JSON.stringify(fields, (_name, value: unknown) =>
    value instanceof Error ? value.message : value,
  );
  logged += `${message} ${shown}\n`;
};
const writingLog: Log = { debug: write, info: write, warn: write, error: write, child: () => writingLog };

const ask = async (secret: string, headers: Record<string, string> = {}) =>
  await fetch(`${web.url}/api/v1/share/${secret}`, { headers });

describe('the contributor page over the API', () => {
  it('needs nobody to be signed in, and tells of its channel without its id', async () => {
    const answer = await ask(right);
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(text).not.toContain('ch_secret_id');
    const page = contributorPage.parse(JSON.parse(text));
    expect(page).toMatchObject({ channel: '<b>Court 1</b>', state: 'waiting' });
    expect(page.ingest?.lines.map(({ tool }) => tool)).toEqual(['obs', 'ffmpeg', 'larix', 'vmix']);
    expect(page.ingest?.key).toBe(opened.key?.reveal());
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    const etag = answer.headers.get('etag') ?? '';
    expect((await ask(right, { 'if-none-match': etag })).status).toBe(304);
    expect((await ask(right, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('answers a wrong secret as one that is over, and opens nothing else', async () => {
    expect((await ask(wrong)).status).toBe(404);
    for (const path of ['/api/v1/live', '/api/v1/channels', '/api/v1/channels/ch_secret_id/still.jpg']) {
      expect((await fetch(`${web.url}${path}`)).status).toBe(401);
      const bearer = { authorization: `Bearer ${right}` };
      expect((await fetch(`${web.url}${path}`, { headers: bearer })).status).toBe(401);
    }
  });

  it('lets an address try 20 wrong ones at once, then one a second; a link that was right goes on', async () => {
    expect((await ask(right)).status).toBe(200);
    const statuses: number[] = [];
    for (let count = 0; count < 20; count += 1) statuses.push((await ask(wrong + count)).status);
    expect(statuses).toEqual([...Array.from({ length: 19 }, () => 404), 429]);
    expect((await ask(right)).status).toBe(200);
    nowMs += 1000;
    expect((await ask(wrong)).status).toBe(404);
    expect((await ask(wrong)).status).toBe(429);
  });

  it('lets one link be asked 40 times at once', async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 42; count += 1) statuses.push((await ask(right)).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(40);
    expect(statuses.at(-1)).toBe(429);
  });

  it('keeps its secret out of the log, also when something breaks', async () => {
    contributor = async () =>
      await Promise.reject(
        new TouchlineError({
          code: 'catalogue.unavailable',
          message: 'the database is away',
          retryable: true,
          blame: 'environment',
        }),
      );
    expect((await ask(right)).status).toBe(503);
    expect(logged).toContain('/share/***');
    expect(logged).not.toContain(right);
  });

  it.each([
    ['/api/v1/share/abc/still.jpg', '/api/v1/share/***/still.jpg'],
    ['/c/abc', '/c/***'],
    ['/api/v1/channels/share', '/api/v1/channels/share'],
  ])('logs %s as %s', (path, shown) => {
    expect(withoutSecrets(path)).toBe(shown);
  });
});

describe('the address that a contributor types', () => {
  it.each([
    ['rtmp://127.0.0.1:1935/live', '192.168.1.5:8080', 'rtmp://192.168.1.5:1935/live'],
    ['rtmp://127.0.0.1:1935/live', 'clips.example', 'rtmp://clips.example:1935/live'],
    ['rtmp://127.0.0.1:1935/live', '[2001:db8::1]:8080', 'rtmp://[2001:db8::1]:1935/live'],
    ['rtmp://127.0.0.1:1935/live', 'localhost:8080', 'rtmp://127.0.0.1:1935/live'],
    ['rtmp://ingest.example:1935/live', '192.168.1.5', 'rtmp://ingest.example:1935/live'],
    ['rtmp://127.0.0.1:1935/live', '', 'rtmp://127.0.0.1:1935/live'],
  ])('is of %s, seen at %s, %s', (base, host, reachable) => {
    expect(reachableBase(base, host)).toBe(reachable);
  });

  it('has a place for the key where the link was made without', () => {
    const { key, lines } = ingestLines('rtmp://a/live', undefined);
    expect(key).toBeNull();
    expect(lines.flatMap(({ fields }) => fields.map(({ value }) => value)).join('\n')).toContain(
      '<your key>',
    );
  });
});

describe('a bucket of tokens', () => {
  it('fills up to its burst and no further', () => {
    const buckets = new TokenBuckets(clock, { burst: 2, perSecond: 1 });
    expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([true, true, false]);
    expect(buckets.take('b')).toBe(true);
    nowMs += 999;
    expect(buckets.take('a')).toBe(false);
    nowMs += 1;
    expect([buckets.take('a'), buckets.take('a')]).toEqual([true, false]);
    nowMs += 60_000;
    expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([true, true, false]);
  });
});

async function waitForEver(_ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
