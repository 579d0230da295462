import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clipFolderOnDisk } from '../support/clips.ts';
import { makeSegments, soundDelayMs } from '../support/segments.ts';

const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);

/**
 * What a player does that does not read edit lists as ffmpeg does: Chromium shows the first picture, seeks to each, plays
 * over the seam between what was encoded and what was copied, and hears the sound where it belongs.
 */
describe.skipIf(!chromiumPath)('an exact clip in Chromium', () => {
  const clips = clipFolderOnDisk();
  const fps = 25;
  const firstNumber = 43; // in at 1.72 s: seven pictures of head before the IDR at 2 s
  const frameCount = 90; // out at 5.32 s: inside a group of B pictures, so there is a tail as well
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const segments = makeSegments({ fps: '25', seconds: 6, gopFrames: 50, sound: { startsAtSeconds: 0 } });
    const done = await clips.cut(segments, { inSeconds: 1.72, outSeconds: 5.32 });
    expect(done.sidecar.made).toBe('smart');
    server = serve(readFileSync(done.pathOf('wide')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({
      ...(chromiumPath ? { executablePath: chromiumPath } : {}),
      args: ['--no-sandbox'],
    });
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.evaluate(playerScript);
  });

  afterAll(async () => {
    await browser?.close();
    await new Promise((resolve) => server?.close(resolve));
    clips.remove();
  });

  it('shows the first picture first', async () => {
    expect(await page.evaluate('shownNumber()')).toBe(firstNumber);
  });

  it('is as long as its pictures', async () => {
    const seconds = await page.evaluate('video.duration');
    expect(seconds).toBeCloseTo(frameCount / fps, 2);
  });

  it('shows the right picture after each seek, seams included', async () => {
    const wanted = [89, 50, 7, 6, 0, 8, 88, 1, 57];
    const seen = await page.evaluate(`seekAll(${JSON.stringify(wanted.map((nth) => (nth + 0.5) / fps))})`);
    expect(seen).toEqual(wanted.map((nth) => firstNumber + nth));
  });

  it('plays through without an error, each picture at its time', async () => {
    const seen = await page.evaluate<{ number: number; mediaTime: number }[]>('playThrough()');
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.map(({ number }) => number)).toEqual(
      seen.map(({ mediaTime }) => firstNumber + Math.round(mediaTime * fps)),
    );
    expect(await page.evaluate('video.error')).toBeNull();
  });

  it('hears the sound within 1 ms', async () => {
    const samples = Float32Array.from(await page.evaluate<number[]>('decodeSound()'));
    expect(samples.length / 48_000).toBeCloseTo(frameCount / fps, 1);
    for (const at of [0.03, 2, 3.4]) {
      expect(Math.abs(soundDelayMs(samples, firstNumber / fps, at)), `at ${at} s`).toBeLessThanOrEqual(1);
    }
  });
});

/** One page and one file, with the byte ranges that a player asks for. */
function serve(file: Buffer): Server {
  return createServer((request, response) => {
    if (request.url !== '/clip.mp4') {
      response
        .setHeader('content-type', 'text/html')
        .end('<video id="video" src="/clip.mp4" preload="auto" muted></video>');
      return;
    }
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Number(range[2]) : file.length - 1;
    response.writeHead(range ? 206 : 200, {
      'content-type': 'video/mp4',
      'accept-ranges': 'bytes',
      'content-length': end - start + 1,
      ...(range ? { 'content-range': `bytes ${start}-${end}/${file.length}` } : {}),
    });
    response.end(file.subarray(start, end + 1));
  });
}

/** Runs in the page. The number of a picture is in its first row, 16 blocks of 16 x 16, least significant first. */
const playerScript = `
  globalThis.video = document.getElementById('video');
  const canvas = document.createElement('canvas');
  const once = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true });
  });
  globalThis.readNumber = () => {
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    let number = 0;
    for (let bit = 0; bit < 16; bit += 1) {
      if (context.getImageData(bit * 16 + 8, 8, 1, 1).data[1] > 127) number += 2 ** bit;
    }
    return number;
  };
  globalThis.shownNumber = async () => {
    if (video.error) throw new Error(video.error.message);
    if (video.readyState < 2) await once('loadeddata');
    return readNumber();
  };
  globalThis.seekAll = async (times) => {
    const seen = [];
    for (const time of times) {
      // 'seeked' says that the picture is decoded; what drawImage reads is the last one handed to the compositor.
      const done = Promise.all([once('seeked'), new Promise((resolve) => video.requestVideoFrameCallback(resolve))]);
      video.currentTime = time;
      await done;
      seen.push(readNumber());
    }
    return seen;
  };
  globalThis.playThrough = async () => {
    const done = once('seeked');
    video.currentTime = 0;
    await done;
    const seen = [];
    const look = (_, { mediaTime }) => {
      seen.push({ number: readNumber(), mediaTime });
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    const ended = once('ended');
    await video.play();
    await ended;
    return seen;
  };
  globalThis.decodeSound = async () => {
    const bytes = await (await fetch('/clip.mp4')).arrayBuffer();
    const context = new OfflineAudioContext(1, 48000, 48000);
    return [...(await context.decodeAudioData(bytes)).getChannelData(0)];
  };
`;
