import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { IssuedKey } from '../../control/match-desk.ts';
import { msFromTicks } from '../../core/media-time.ts';
import { contributorPage, type ContributorPage } from '../../web/api/schemas/contributor.ts';
import { liveWall } from '../../web/api/schemas/live.ts';
import { timeline as timelineSchema } from '../../web/api/schemas/timeline.ts';
import type { Analyse } from '../../worker/worker.ts';
import { usePostgres } from '../support/postgres.ts';
import { openWatchHouse, ownerToken, type WatchHouse } from '../support/watch-house.ts';

const postgres = usePostgres();
const folder = mkdtempSync(join(tmpdir(), 'touchline-watch-media-'));
const source = join(folder, 'source.mp4');
const browserPath = '/usr/bin/chromium';
const hlsScript = fileURLToPath(new URL('../../node_modules/hls.js/dist/hls.light.min.js', import.meta.url));

/** Hears an even crowd at -40 dB, and a spot of a goal at 3 s. */
const listens: Analyse = async ({ segment }) => {
  const fromMs = msFromTicks(segment.start90k);
  const toMs = msFromTicks(segment.start90k + segment.duration90k);
  const atMs: number[] = [];
  for (let at = Math.ceil(fromMs / 500) * 500; at < toMs; at += 500) atMs.push(at);
  const seesGoal = fromMs <= 3000 && toMs > 3000;
  return {
    signals: [
      { name: 'crowd.floor', unit: 'dBFS', atMs, values: atMs.map(() => -42) },
      { name: 'crowd.crest', unit: 'dB', atMs, values: atMs.map(() => 2) },
    ],
    spots: seesGoal
      ? [{ label: 'goal', atMs: 3000, confidence: 1, source: 'test', durationMs: 0, evidence: {} }]
      : [],
  };
};

let house: WatchHouse;
let channelId = '';
let key: IssuedKey;
beforeAll(async () => {
  const made =
    '-f lavfi -i testsrc2=s=640x360:r=25 -f lavfi -i sine=r=48000 -t 60 -c:v libx264 -preset ultrafast -g 25 -bf 2 -c:a aac';
  execFileSync('ffmpeg', ['-v', 'error', ...made.split(' '), source]);
  house = await openWatchHouse(await postgres.migratedDatabase(), { analyse: listens });
  const { channel, key: issued } = await house.desk.createChannel({ name: 'Court 1', segmentMs: 2000 });
  channelId = channel.id;
  key = issued;
});
afterAll(async () => {
  await house?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const runIdOf = async () => (await house.desk.listRuns({ channelId })).runs[0]?.id ?? '';

/**
 * Stretches whose tracks are the same: one for each push. Where a push ends right behind a cut, what is left of it may be pictures
 * whose sound never came, or the other way round: that has other tracks, so it is a stretch of its own (RFC 8216 §4.3.2.3).
 */
async function epochCount(): Promise<number> {
  const rows = await house.catalogue.db.selectFrom('segments').select('record').orderBy('seq').execute();
  const records = rows.map(({ record }) => record);
  const epochs = new Set(records.map(({ epoch }) => epoch)).size;
  const tails = records.filter((record, nth) => {
    const [before, behind] = [records[nth - 1], records[nth + 1]];
    const isLast = behind === undefined || behind.sessionId !== record.sessionId;
    return isLast && record.sessionId === before?.sessionId && record.epoch !== before.epoch;
  });
  expect(tails.every(({ audio, video }) => audio === null || video === null)).toBe(true);
  expect(epochs - tails.length).toBe(2);
  return epochs;
}

async function page(path: string): Promise<ContributorPage> {
  const answer = await fetch(`${house.url}${path.replace('/c/', '/api/v1/share/')}`);
  return contributorPage.parse(await answer.json());
}

describe('a channel that is watched while it is pushed over RTMP', () => {
  it('waits on the contributor page, turns green with the key of the link, and goes offline when it is cut', async () => {
    const answer = await house.post('/api/v1/channels/Court%201/share-links', { withKey: true });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const { path } = (await answer.json()) as { path: string };
    const before = await page(path);
    expect(before).toMatchObject({ state: 'waiting', status: 'noData', feed: null, still: null });
    expect(before.ingest?.server).toBe(house.rtmp);
    const obs = before.ingest?.lines.find(({ tool }) => tool === 'obs')?.fields;
    const streamKey = obs?.find(({ label }) => label === 'Stream Key')?.value;
    expect(streamKey).toBe(before.ingest?.key);

    const push = house.push(source, `${before.ingest?.server}/${streamKey}`);
    await house.until(({ kind, data }) => kind === 'segment.analysed' && data['seq'] === 1);
    const live = await untilPage(
      path,
      ({ feed, history }) => feed?.audioDb !== null && history.bitrateBps.length > 1,
    );
    expect(live).toMatchObject({
      state: 'live',
      feed: { width: 640, height: 360, hasAudio: true, audioDb: -40 },
    });
    expect(live.feed?.framesPerSecond).toBeGreaterThan(15);
    expect(live.issues.filter(({ severity }) => severity === 'error')).toEqual([]);
    const still = await fetch(`${house.url}${live.still?.url}`);
    expect([still.status, still.headers.get('content-type')]).toEqual([200, 'image/jpeg']);

    push.kill('SIGKILL');
    const gone = await untilPage(path, ({ state }) => state === 'offline');
    expect(gone.feed).toMatchObject({ width: 640, height: 360 });
    expect(gone.feed?.bitrateBps).toBeGreaterThan(0);
    expect(gone.issues[0]).toMatchObject({ type: 'noData', severity: 'error' });
    // Nothing moves now: the next look costs an empty answer.
    const address = `${house.url}${path.replace('/c/', '/api/v1/share/')}`;
    const etag = (await fetch(address)).headers.get('etag') ?? '';
    expect((await fetch(address, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  it.skipIf(!existsSync(browserPath))(
    'plays in hls.js from its start on, across the reconnect, and follows the live edge',
    async () => {
      house.push(source, `${house.rtmp}/${key.key.reveal()}`);
      await house.until(({ kind, data }) => kind === 'segment.stored' && Number(data['seq']) >= 4);
      const runId = await runIdOf();
      const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
      try {
        const tab = await browser.newPage({ extraHTTPHeaders: { authorization: `Bearer ${ownerToken}` } });
        await tab.route('**/player', async (route) => {
          await route.fulfill({ contentType: 'text/html', body: '<video muted></video>' });
        });
        await tab.goto(`${house.url}/player`);
        await tab.addScriptTag({ content: readFileSync(hlsScript, 'utf8') });
        const seen = await tab.evaluate(playedInBrowser, {
          address: `/api/v1/runs/${runId}/hls/index.m3u8`,
          untilS: 7,
        });
        expect(seen.errors).toEqual([]);
        expect(seen.currentTime).toBeGreaterThan(7);
        // The reconnect is a jump in wall time, and of no time in the picture.
        expect(seen.discontinuities).toBe(await epochCount());
        expect(seen.wallMs - seen.firstWallMs).toBeGreaterThan(seen.currentTime * 1000 - 1000);
        expect(seen.updates).toBeGreaterThan(1);
      } finally {
        await browser.close();
      }
    },
  );

  it('shows on the wall with its lag, its picture and what waits to be decided', async () => {
    const answer = await house.get('/api/v1/live');
    const wall = liveWall.parse(await answer.json());
    expect(wall.channels).toHaveLength(1);
    const [tile] = wall.channels;
    expect(tile).toMatchObject({ channelId, name: 'Court 1', isRunOpen: true, pendingCount: 1 });
    expect(tile?.lagMs).toBeLessThan(15_000);
    expect(tile?.curve).toHaveLength(60);
    expect(Math.max(...(tile?.curve ?? []).map((value) => value ?? 0))).toBeGreaterThan(0.8);
    const still = await house.get(tile?.still?.url ?? '');
    expect(still.status).toBe(200);
    expect(pictureSize(Buffer.from(await still.arrayBuffer()))).toBe('320,180');
  });

  it('has its playlist closed when it ends, and ffmpeg decodes every frame that was stored', async () => {
    const runId = await runIdOf();
    const open = await (await house.get(`/api/v1/runs/${runId}/hls/index.m3u8`)).text();
    expect(open).not.toContain('#EXT-X-ENDLIST');
    await house.desk.stopChannel(channelId);
    await house.until(({ kind }) => kind === 'run.finished');
    // What was read a moment ago stands for a second: players ask again, and so do we.
    const ended = () => house.get(`/api/v1/runs/${runId}/hls/index.m3u8`);
    let answer = await ended();
    let closed = await answer.text();
    while (!closed.includes('#EXT-X-ENDLIST')) {
      answer = await ended();
      closed = await answer.text();
    }
    expect(closed.trimEnd().endsWith('#EXT-X-ENDLIST')).toBe(true);
    const again = await house.get(`/api/v1/runs/${runId}/hls/index.m3u8`, {
      'if-none-match': answer.headers.get('etag') ?? '',
    });
    expect(again.status).toBe(304);

    const segments = await house.desk.listSegments({ runId });
    const rows = await house.catalogue.db.selectFrom('segments').select('record').execute();
    const frames = rows.reduce((sum, { record }) => sum + (record.video?.frameCount ?? 0), 0);
    // Not synchronously: the server that it asks is in this process.
    const probe = await promisify(execFile)('ffprobe', [
      ...`-v error -headers`.split(' '),
      `Authorization: Bearer ${ownerToken}\r\n`,
      ...`-count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0`.split(' '),
      `${house.url}/api/v1/runs/${runId}/hls/index.m3u8`,
    ]);
    expect(probe.stderr).toBe('');
    expect(Number(probe.stdout.split('\n')[0])).toBe(frames);
    expect(closed.match(/#EXTINF/g)).toHaveLength(segments.length);
  });

  it('sends a segment whole, in ranges, and as nothing to who has it', async () => {
    const runId = await runIdOf();
    const address = `/api/v1/runs/${runId}/hls/segments/1.ts`;
    const whole = await house.get(address);
    expect([whole.status, whole.headers.get('content-type')]).toEqual([200, 'video/mp2t']);
    expect(whole.headers.get('cache-control')).toContain('immutable');
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(bytes[0]).toBe(0x47);
    const part = await house.get(address, { range: 'bytes=188-375' });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(188, 376))).toBe(true);
    const etag = whole.headers.get('etag') ?? '';
    expect((await house.get(address, { 'if-none-match': etag })).status).toBe(304);
    expect((await house.get(`/api/v1/runs/${runId}/hls/segments/999.ts`)).status).toBe(404);
    expect((await house.get(`/api/v1/runs/${runId}/hls/segments/x.ts`)).status).toBe(400);
    expect((await house.get('/api/v1/runs/run_no/hls/index.m3u8')).status).toBe(404);
    expect((await fetch(`${house.url}${address}`)).status).toBe(401);
  });

  it('has a timeline with the moment on the curve, its reconnect, and every segment looked at', async () => {
    const runId = await runIdOf();
    const answer = await house.get(`/api/v1/runs/${runId}/timeline?points=2000`);
    const shown = timelineSchema.parse(await answer.json());
    expect(shown.isLive).toBe(false);
    expect(shown.moments).toMatchObject([{ label: 'goal', peakMs: 3000 }]);
    const at = Math.floor((3000 - shown.curve.startMs) / shown.curve.stepMs);
    expect(shown.curve.max[at]).toBeGreaterThanOrEqual(shown.moments[0]?.score ?? 1);
    expect(shown.curve.clues['spot:goal']?.[at]).toBeCloseTo(0.85);
    const kinds = shown.discontinuities.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'reconnect')).toHaveLength(1);
    expect(kinds).toHaveLength((await epochCount()) - 1);
    expect(shown.gaps).toHaveLength(1);
    expect(shown.segments.every(({ state }) => state === 'clip' || state === 'no-clip')).toBe(true);
    const counts = (await (await house.get(`/api/v1/runs/${runId}/threshold?score=0.42`)).json()) as {
      asked: { count: number };
      series: { score: number; count: number }[];
    };
    expect(counts.asked).toEqual({ score: 0.42, count: 1 });
    expect(counts.series.find(({ score }) => score === 0.9)?.count).toBe(0);
    for (const wrong of ['points=0', 'points=2001', 'fromMs=-1', 'what=1']) {
      expect((await house.get(`/api/v1/runs/${runId}/timeline?${wrong}`)).status).toBe(400);
    }
  });

  it('has a filmstrip whose pictures are kept', async () => {
    const runId = await runIdOf();
    const first = await house.get(`/api/v1/runs/${runId}/stills/2.jpg`);
    expect([first.status, first.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect(pictureSize(Buffer.from(await first.arrayBuffer()))).toBe('320,180');
    const etag = first.headers.get('etag') ?? '';
    const known = await house.get(`/api/v1/runs/${runId}/stills/2.jpg`, { 'if-none-match': etag });
    expect(known.status).toBe(304);
    expect((await house.get(`/api/v1/runs/${runId}/stills/999.jpg`)).status).toBe(404);
  });
});

async function untilPage(path: string, fits: (page: ContributorPage) => boolean): Promise<ContributorPage> {
  for (;;) {
    const now = await page(path);
    if (fits(now)) return now;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function pictureSize(jpeg: Buffer): string {
  const args = '-v error -show_entries stream=width,height -of csv=p=0 -f jpeg_pipe pipe:0'.split(' ');
  return spawnSync('ffprobe', args, { input: jpeg, encoding: 'utf8' }).stdout.trim();
}

/** Runs in the page. Plays from the start at double speed until `untilS`, and tells what it saw. */
async function playedInBrowser({ address, untilS }: { address: string; untilS: number }) {
  interface Fragment {
    cc: number;
    programDateTime: number | null;
  }
  interface Player {
    loadSource(address: string): void;
    attachMedia(video: unknown): void;
    on(event: string, listener: (name: string, data: { fatal?: boolean; details?: unknown }) => void): void;
    playingDate: Date | null;
    latestLevelDetails: { fragments: Fragment[] } | null;
  }
  interface Video {
    currentTime: number;
    playbackRate: number;
    play(): Promise<void>;
    addEventListener(name: string, listener: () => void): void;
  }
  const browser = globalThis as unknown as {
    Hls: new (options: object) => Player;
    document: { querySelector(name: string): Video };
  };
  const video = browser.document.querySelector('video');
  const hls = new browser.Hls({ startPosition: 0, liveDurationInfinity: true });
  const errors: string[] = [];
  let updates = 0;
  hls.on('hlsError', (_name, data) => {
    if (data.fatal) errors.push(JSON.stringify(data.details));
  });
  hls.on('hlsLevelUpdated', () => (updates += 1));
  const manifest = new Promise((resolve) => hls.on('hlsManifestParsed', resolve));
  hls.loadSource(address);
  hls.attachMedia(video);
  await manifest;
  video.playbackRate = 2;
  await video.play();
  await new Promise<void>((resolve) => {
    video.addEventListener('timeupdate', () => {
      if (video.currentTime > untilS && updates > 1) resolve();
    });
    hls.on('hlsError', (_name, data) => {
      if (data.fatal) resolve();
    });
  });
  const fragments = hls.latestLevelDetails?.fragments ?? [];
  return {
    errors,
    updates,
    currentTime: video.currentTime,
    wallMs: hls.playingDate?.getTime() ?? 0,
    firstWallMs: fragments[0]?.programDateTime ?? 0,
    discontinuities: new Set(fragments.map(({ cc }) => cc)).size,
  };
}
