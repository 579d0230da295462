import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemRandom } from '../../core/random.ts';
import { Secret } from '../../core/secret.ts';
import { findServer, leaveNote, requireServer, tokenOf } from '../../cli/connect.ts';
import { watchChannel } from '../../cli/demo/watch.ts';
import { FakeDesk } from '../web/fake-desk.ts';
import { memoryIo } from './memory-io.ts';
import { startTestWeb } from '../support/test-web.ts';

let home: string;
let desk: FakeDesk;
let url: string;
let stop: () => Promise<void>;
const token = new Secret('connect-token-0123456789');

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchline-test-'));
  desk = new FakeDesk();
  ({ url, stop } = await startTestWeb({
    desk,
    token,
  }));
});
afterEach(async () => {
  await stop();
  await rm(home, { recursive: true, force: true });
});

describe('a command that looks for its server', () => {
  it('finds the one that left its note in the home, and speaks with its token', async () => {
    const takeAway = await leaveNote(home, { url, token, rtmp: 'rtmp://x/live' });
    const api = await requireServer(homeAlone());
    expect(await api.post('/channels', { name: 'pitch-1' })).toMatchObject({ name: 'pitch-1' });
    await takeAway();
    expect(await findServer(homeAlone())).toBeUndefined();
  });

  it('keeps the note and the token from other users', async () => {
    await leaveNote(home, { url, token, rtmp: '' });
    await tokenOf({ home, serverToken: undefined }, systemRandom);
    for (const file of ['server.json', 'token']) {
      expect((await stat(join(home, file))).mode & 0o777).toBe(0o600);
    }
  });

  it('draws the token of a home once', async () => {
    const first = await tokenOf({ home, serverToken: undefined }, systemRandom);
    expect(first.reveal().length).toBeGreaterThanOrEqual(26);
    expect((await tokenOf({ home, serverToken: undefined }, systemRandom)).reveal()).toBe(first.reveal());
    expect((await tokenOf({ home, serverToken: token }, systemRandom)).reveal()).toBe(token.reveal());
  });

  it.each([
    ['no note', undefined],
    ['a note that is no JSON', '{'],
    [
      'a note of a server that is dead',
      JSON.stringify({ url: 'http://127.0.0.1:1', token: 'x', rtmp: '', pid: 1 }),
    ],
  ])('says with %s how to start one, exit code 7', async (_what, note) => {
    if (note !== undefined) await writeFile(join(home, 'server.json'), note);
    await expect(requireServer(homeAlone())).rejects.toMatchObject({
      code: 'server.unavailable',
      message: expect.stringContaining('touchline up'),
    });
  });

  it('takes the address it is given before the note, and asks for a token that it does not have', async () => {
    const given = { home, serverUrl: url, serverToken: undefined };
    await expect(findServer(given)).rejects.toMatchObject({ code: 'auth.no-token' });
    expect(await findServer({ ...given, serverToken: token })).toMatchObject({ url });
    await leaveNote(home, { url, token, rtmp: '' });
    expect(await findServer(given)).toMatchObject({ url });
  });

  it('leaves the note of a server that has taken the home over', async () => {
    const takeAway = await leaveNote(home, { url, token, rtmp: '' });
    const other = { ...JSON.parse(await readFile(join(home, 'server.json'), 'utf8')), pid: 1 };
    await writeFile(join(home, 'server.json'), JSON.stringify(other));
    await takeAway();
    expect(await findServer(homeAlone())).toBeDefined();
  });

  it('hands on the words and the code of the server', async () => {
    await leaveNote(home, { url, token, rtmp: '' });
    const api = await requireServer(homeAlone());
    await expect(api.get('/channels/none')).rejects.toMatchObject({
      code: 'channel.not-found',
      message: 'there is no channel "none"',
    });
    await stop();
    await expect(api.get('/channels')).rejects.toMatchObject({ code: 'server.unavailable' });
  });
});

describe('watching a channel', () => {
  it('prints each moment with its reasons and each clip with its latency, once, and ends with the server', async () => {
    await leaveNote(home, { url, token, rtmp: '' });
    const { io, printed } = memoryIo();
    const watching = watchChannel({
      api: await requireServer(homeAlone()),
      io,
      channelId: 'ch_1',
      afterId: 0,
      signal: new AbortController().signal,
    });
    desk.waterfall = async (clipId) => ({
      clipId,
      momentId: 'mom_1',
      steps: [
        { step: 'happened', atMs: 1_000, sinceHappenedMs: 0 },
        { step: 'segment-closed', atMs: 3_000, sinceHappenedMs: 2_000 },
        { step: 'fast-visible', atMs: 4_400, sinceHappenedMs: 3_400 },
      ],
    });
    desk.find('mom_1');
    desk.cut('mom_1', 'fast', []);
    desk.happen('moment.found', 'mom_1');
    desk.happen('moment.found', 'mom_1');
    desk.happen('moment.found', 'mom_1', 'ch_of_others');
    desk.happen('clip.visible', 'clp_1');
    await printed.until((lines) => lines.some((line) => line.includes('clip ')));
    await stop();
    await watching;
    expect(printed.lines).toEqual([
      ' 1:02  GOAL  0.94',
      '    71 %  the score went from 0-0 to 1-0',
      '    22 %  the crowd rose by 14 dB',
      '     5 %  three cuts within 6 s',
      '  clip    fast, 16.0 s long: seen 3.4 s after it happened, 1.4 s after its segment closed',
    ]);
  });
});

function homeAlone() {
  return { home, serverUrl: undefined, serverToken: undefined };
}
