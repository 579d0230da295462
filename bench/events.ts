/**
 * What browsers on the events cost the server: 200 of them for some minutes, 20 that stop reading, all coming again at once.
 *
 *   npm run build && npx tsx bench/events.ts [minutes=10]
 *
 * The server is the compiled program; the browsers are sockets of this process. Memory is read after a full collection.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

import { sql } from 'kysely';

import { systemClock } from '../core/clock.ts';
import { startMeasuredServer, until, type Memory } from './support/measured-server.ts';

const minutes = Number(process.argv[2] ?? 10);
const browserCount = 200;
const hangingCount = 20;
const momentCount = 500;
/** A busy evening: 50 channels with a segment each 4 s are 25 events a second, stored and analysed. */
const eventsPerSecond = 25;

interface Browser {
  socket: Socket;
  lastId: number;
  eventCount: number;
  isClosed: boolean;
}

const server = await startMeasuredServer({ TOUCHLINE_WORKERS: '0' });
try {
  const { catalogue, memory } = server;
  await fill();
  const rows: [string, Memory][] = [];
  const note = async (what: string): Promise<void> => {
    rows.push([what, await memory()]);
    const { rss, heapUsed } = rows.at(-1)?.[1] ?? { rss: 0, heapUsed: 0 };
    console.error(`${what}: rss ${mb(rss)} MB, heap ${mb(heapUsed)} MB`);
  };
  // What is compiled and kept by the first requests and events is not the browsers' cost.
  const first = await open(5);
  await decideFor(20_000);
  for (const one of first) one.socket.destroy();
  await systemClock.sleep(2_000);
  await note('nobody on the events');

  let browsers = await open(browserCount);
  await note(`${browserCount} browsers, nothing happens`);
  await decideFor(10_000);
  await note(`${browserCount} browsers, after 10 s of ${eventsPerSecond} events/s`);
  for (let minute = 1; minute <= minutes; minute += 1) {
    await decideFor(60_000);
    if (minute === 1 || minute % 2 === 0) await note(`... after ${minute} min`);
  }
  const lastId = await newestId();
  await until(() => browsers.every((one) => one.lastId === lastId));
  const heard = browsers.map((one) => one.eventCount);
  const isSame = Math.min(...heard) === Math.max(...heard);

  const hanging = await open(hangingCount);
  for (const { socket } of hanging) socket.pause();
  const burst = await flood(200);
  await note(`${hangingCount} of them hang, ${burst} events at once`);
  const stalledMs = await timed(async () => {
    await until(() => heldOf(hanging) === 0, 120_000);
  });
  await note(`the ${hangingCount} are cut off`);
  const lost = browsers.filter((one) => one.isClosed).length;
  for (const { socket } of hanging) socket.destroy();

  const seenIds = browsers.map((one) => one.lastId);
  for (const { socket } of browsers) socket.destroy();
  await flood(1);
  const end = await newestId();
  const againMs = await timed(async () => {
    browsers = await open(browserCount, seenIds);
    await until(() => browsers.every((one) => one.lastId === end));
  });
  await note(`${browserCount} come again at once`);
  for (const { socket } of browsers) socket.destroy();
  await systemClock.sleep(2_000);
  await note('nobody again');

  const base = rows[0]?.[1] ?? { rss: 0, heapUsed: 0, external: 0, arrayBuffers: 0 };
  console.log(
    [
      '| | RSS, MB | above | heap, MB | above | buffers, MB |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows.map(
        ([what, { rss, heapUsed, arrayBuffers }]) =>
          `| ${what} | ${mb(rss)} | ${mb(rss - base.rss)} | ${mb(heapUsed)} | ${mb(heapUsed - base.heapUsed)} | ${mb(arrayBuffers)} |`,
      ),
      '',
      `each of the ${browserCount} heard ${Math.max(...heard)} events (${isSame ? 'all the same' : `some only ${Math.min(...heard)}`}); ` +
        `${lost} of those who read lost their line to the flood; the ${hangingCount} that hung were gone after ${Math.round(stalledMs / 1000)} s; ` +
        `${browserCount} that came again with Last-Event-ID had what they missed after ${Math.round(againMs)} ms`,
    ].join('\n'),
  );

  async function fill(): Promise<void> {
    const { db } = catalogue;
    await sql`insert into channels (id, name, sport, segment_ms, state, is_wanted, created_at_ms)
      values ('ch_bench', 'Pitch 1', 'soccer', 4000, 'idle', false, 0)`.execute(db);
    await sql`insert into runs (id, channel_id, sport, start_wall_ms)
      values ('run_bench', 'ch_bench', 'soccer', 0)`.execute(db);
    await sql`insert into moments (id, channel_id, run_id, clip_id, label, peak_ms, in_ms, out_ms, score, reasons, revision, state, decision, found_at_ms, peak_wall_ms)
      select 'mom_' || n, 'ch_bench', 'run_bench', 'clp_' || n, 'goal', n, n, n + 1, 0.9, '[]', 1, 'found', 'undecided', 0, 0
      from generate_series(1, ${momentCount}::int) n`.execute(db);
  }

  /** Decisions of editors, at the pace of a busy evening. */
  async function decideFor(ms: number): Promise<void> {
    const endMs = systemClock.monotonicMs() + ms;
    for (let round = 0; systemClock.monotonicMs() < endMs; round += 1) {
      await decide(round % 2 === 0 ? 'approved' : 'rejected', eventsPerSecond / 5);
      await systemClock.sleep(200);
    }
  }

  /** All moments are decided again and again, as fast as it goes. */
  async function flood(rounds: number): Promise<number> {
    for (let round = 0; round < rounds; round += 1) {
      await decide(round % 2 === 0 ? 'undecided' : 'approved', momentCount);
    }
    return rounds * momentCount;
  }

  async function decide(decision: string, count: number): Promise<void> {
    const ids = Array.from({ length: count }, (_, index) => `mom_${index + 1}`);
    const response = await fetch(`${server.url}/api/v1/moments/decisions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ids, decision }),
    });
    if (!response.ok) throw new Error(await response.text());
    await response.arrayBuffer();
  }

  async function newestId(): Promise<number> {
    const { rows } = await sql<{ id: number }>`select max(id) as id from events`.execute(catalogue.db);
    return rows[0]?.id ?? 0;
  }
} finally {
  await server.stop();
}

/** All at once; each is there when the head of its answer is. */
async function open(count: number, lastIds: readonly number[] = []): Promise<Browser[]> {
  return await Promise.all(Array.from({ length: count }, async (_, nth) => await openOne(lastIds[nth])));
}

async function openOne(lastId: number | undefined): Promise<Browser> {
  const { hostname, port, host } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const browser = { socket, lastId: lastId ?? 0, eventCount: 0, isClosed: false };
  let rest = '';
  socket.on('data', (chunk: Buffer) => {
    const blocks = (rest + chunk.toString('latin1')).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const id = /^id: (\d+)$/m.exec(block)?.[1];
      if (id !== undefined) browser.lastId = Number(id);
      if (block.includes('event: moment.')) browser.eventCount += 1;
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => (browser.isClosed = true));
  await once(socket, 'connect');
  const resume = lastId === undefined ? '' : `last-event-id: ${lastId}\r\n`;
  socket.write(
    `GET /api/v1/events HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${server.token}\r\n${resume}\r\n`,
  );
  await once(socket, 'data');
  return browser;
}

/** How many of these the server still holds, as the kernel counts: the sockets themselves read nothing, not even the end. */
function heldOf(browsers: readonly Browser[]): number {
  const server16 = portHex(Number(new URL(server.url).port));
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const held = new Set(
    lines.flatMap((line) => new RegExp(`:${server16} \\w+:(\\w+) 01 `).exec(line)?.[1] ?? []),
  );
  return browsers.filter(({ socket }) => held.has(portHex(socket.localPort))).length;
}

function portHex(port: number | undefined): string {
  return (port ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

async function timed(act: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await act();
  return performance.now() - startMs;
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
