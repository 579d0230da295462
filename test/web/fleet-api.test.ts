import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openFleetDesk, type FleetDesk } from '../../control/open-fleet-desk.ts';
import { systemClock } from '../../core/clock.ts';
import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { openCatalogue, type Catalogue } from '../../store/catalogue.ts';
import { MemoryBroker } from '../support/memory-queue.ts';
import { usePostgres } from '../support/postgres.ts';
import { FakeDesk } from './fake-desk.ts';
import { startTestWeb } from '../support/test-web.ts';

const postgres = usePostgres();
const token = '0123456789abcdef0123456789abcdef';
let catalogue: Catalogue;
let fleet: FleetDesk;
let url: string;
let stop: () => Promise<void>;

beforeEach(async () => {
  catalogue = await openCatalogue({ databaseUrl: await postgres.migratedDatabase() });
  const queue = new MemoryBroker({ clock: systemClock }).connect();
  fleet = openFleetDesk({ catalogue, queue, clock: systemClock, random: systemRandom }).desk;
  ({ url, stop } = await startTestWeb({ desk: new FakeDesk(), fleet, token: new Secret(token) }));
});
afterEach(async () => {
  await stop();
  await catalogue.close();
});

async function ask(method: string, path: string, body?: string | object, type?: string) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': type ?? 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('fixtures', () => {
  it('are told of, listed and cancelled', async () => {
    const wish = { name: 'Cup', channel: 'pitch', kickOffAt: '2027-11-28T15:00:00+01:00', lengthMinutes: 90 };
    const made = await ask('POST', '/fixtures', wish);
    expect(made).toMatchObject({ status: 201, body: { kickOffAtMs: Date.UTC(2027, 10, 28, 14) } });
    expect((await ask('GET', '/fixtures')).body).toEqual({ fixtures: [made.body] });
    const gone = await ask('DELETE', `/fixtures/${String(made.body['id'])}`);
    expect(gone).toMatchObject({ status: 200, body: { isCancelled: true } });
    expect(await ask('DELETE', '/fixtures/fix_none')).toMatchObject({ status: 404 });
  });

  it('come as a calendar', async () => {
    const kickOff = new Date(systemClock.nowMs() + 86_400_000).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const text = `BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Final\r\nDTSTART:${kickOff}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`;
    const path = '/fixtures/import?source=league&channel=pitch';
    expect(await ask('POST', path, text, 'text/calendar')).toMatchObject({ status: 200, body: { added: 1 } });
    expect((await fleet.schedule.list())[0]).toMatchObject({ name: 'Final', channel: 'pitch' });
    expect(await ask('POST', path, text)).toMatchObject({ status: 400 });
    const bad = await ask('POST', path, 'hello', 'text/calendar');
    expect(bad).toMatchObject({ body: { code: 'schedule.bad-calendar' } });
    expect(bad.status).toBe(400);
    expect(await ask('POST', path, 'x'.repeat(5_000_001), 'text/calendar')).toMatchObject({ status: 413 });
    expect(await fleet.schedule.list()).toHaveLength(1);
  });

  it.each([
    [{ name: 'Cup', kickOffAt: '2027-11-28 15:00' }, /body\.kickOffAt: must be a time/],
    [{ name: '', kickOffAt: '2027-11-28T15:00:00Z' }, /body\.name/],
    [{ name: 'Cup', kickOffAt: '2027-11-28T15:00:00Z', priority: 10 }, /body\.priority/],
    [{ name: 'Cup', kickOffAt: '2027-11-28T15:00:00Z', day: 1 }, /day/],
  ])('that make no sense are refused by the field: %j', async (wish, detail) => {
    const { status, body } = await ask('POST', '/fixtures', wish);
    expect(status).toBe(400);
    expect(body['detail']).toMatch(detail);
    expect(await fleet.schedule.list()).toEqual([]);
  });
});

describe('scaling', () => {
  it('says how it stands, and what was decided', async () => {
    const empty = await ask('GET', '/scaling');
    expect(empty.body).toMatchObject({ workers: [], last: null, overrides: { isInPaused: false } });
    const decision = {
      atMs: systemClock.nowMs(),
      provider: 'local',
      neededCount: 2,
      desiredCount: 3,
      reason: 'From 1 to 3.',
      decision: { brakes: ['cost'] },
      outcomes: [{ action: { kind: 'order' }, outcome: { kind: 'done' } }],
    };
    await fleet.records.add({ ...decision, snapshot: { machines: [] } });
    const later = { brakes: ['cost'], machineCounts: { ready: 1 } };
    await fleet.records.add({ ...decision, decision: later, snapshot: undefined });
    expect((await ask('GET', '/scaling')).body).toMatchObject({
      last: { reason: 'From 1 to 3.', snapshot: null },
    });
    const first = await ask('GET', '/scaling/decisions?limit=1');
    expect(first.body['decisions']).toHaveLength(1);
    const rest = await ask('GET', `/scaling/decisions?cursor=${String(first.body['next'])}`);
    expect(rest.body).toMatchObject({ decisions: [{ snapshot: {} }], next: null });
    expect((await ask('GET', '/scaling/decisions?changes=1')).body['decisions']).toHaveLength(1);
    const before = new Date(decision.atMs - 1_000).toISOString();
    expect((await ask('GET', `/scaling/decisions?until=${before}`)).body['decisions']).toEqual([]);
    expect(await ask('GET', '/scaling/decisions?cursor=1')).toMatchObject({
      status: 400,
      body: { code: 'cursor.invalid' },
    });
    expect(await ask('GET', '/scaling/decisions?until=now')).toMatchObject({ status: 400 });
    const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    const text = await metrics.text();
    expect(text).toMatch(/^touchline_scaling_desired_machines 3$/m);
    expect(text).toMatch(/^touchline_scaling_machines\{state="ready"\} 1$/m);
    expect(text).toMatch(/^touchline_scaling_brakes 1$/m);
    expect(text).toMatch(/^touchline_scaling_actions\{action="order",outcome="done"\} 2$/m);
  });

  it('takes the word of an operator, and leaves what it does not name', async () => {
    const pin = { count: 4, until: '2027-11-28T15:00:00Z' };
    expect(await ask('PUT', '/scaling/overrides', { pin, isInPaused: true })).toMatchObject({
      status: 200,
      body: { pin: { count: 4, untilMs: Date.UTC(2027, 10, 28, 15) }, isInPaused: true, isOutPaused: false },
    });
    expect((await ask('PUT', '/scaling/overrides', { pin: null })).body).toEqual({
      isInPaused: true,
      isOutPaused: false,
      changedBy: { kind: 'server', id: 'server', name: 'the owner of the server' },
    });
    const refused = await ask('PUT', '/scaling/overrides', { pin: { count: -1, until: 'soon' } });
    expect(refused.status).toBe(400);
    expect(refused.body['detail']).toMatch(/body\.pin\.count.*body\.pin\.until/);
    expect(await fleet.records.overrides()).toMatchObject({ isInPaused: true, isOutPaused: false });
  });
});
