import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  S3Client,
  type _Object,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { RunReport } from '../../control/match-desk.ts';
import { clipSidecar } from '../../core/clip.ts';
import { startChild } from '../../core/process.ts';
import { hasMoto, startMoto, type Moto } from '../support/moto.ts';
import { writeRoaringMatch } from '../support/roaring-match.ts';
import { canSeal, startSealed, type Sealed } from '../support/sealed.ts';
import { install, type Installation, type RunningUp } from '../support/touchline.ts';

const timeout = 300_000;

/** S3 and SQS, a server with the database, and a worker that can reach nothing but those two. */
describe.skipIf(!hasMoto || !canSeal)('a match on S3 and SQS', { timeout }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-aws-'));
  let moto: Moto;
  let s3: S3Client;
  let server: Installation;
  let up: RunningUp;
  let apart: Installation;
  let worker: Sealed;
  let report: RunReport;

  beforeAll(async () => {
    moto = await startMoto();
    const aws = {
      AWS_ENDPOINT_URL: moto.endpoint,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const engines = { TOUCHLINE_STORE: 's3://clips/cup', TOUCHLINE_QUEUE: 'sqs://eu-west-1/cup', ...aws };
    s3 = new S3Client({
      endpoint: moto.endpoint,
      region: aws.AWS_REGION,
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    await s3.send(
      new CreateBucketCommand({
        Bucket: 'clips',
        CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
      }),
    );
    server = await install({ ...engines, TOUCHLINE_WORKERS: '0' });
    const created = await server.run(['aws', 'queues', '--json']);
    expect(created.exitCode, created.stderrTail.join('\n')).toBe(0);
    // Of what the SDK would say about Node nothing is left to others (core/env.ts).
    expect(created.stderrTail).toEqual([]);
    up = await server.up({ wallMsMax: timeout });
    // A home of its own, no database: what a machine in a private subnet has.
    apart = await install(engines);
    worker = await startSealed({
      args: [server.main, 'worker'],
      env: apart.env,
      ports: [Number(new URL(moto.endpoint).port)],
      wallMsMax: timeout,
    });

    const recording = join(folder, 'match.mp4');
    writeRoaringMatch(recording, { seconds: 36, roarAtSeconds: 16 });
    const made = await server.run(['channel', 'create', 'cup', '--sport', 'soccer', '--json']);
    const channel = made.json as { id: string; ingest: { rtmp: string } };
    const push = await startChild({
      command: 'ffmpeg',
      args: ['-v', 'error', '-re', '-i', recording, '-c', 'copy', '-f', 'flv', channel.ingest.rtmp],
      wallMsMax: 60_000,
    });
    expect(await push.exit).toMatchObject({ exitCode: 0 });
    await server.run(['channel', 'stop', 'cup']);
    report = await up.terminalReport(channel.id, timeout / 2);
  }, timeout);

  afterAll(async () => {
    const workerExit = await worker?.stop();
    await up?.stop();
    await moto?.stop();
    server?.remove();
    apart?.remove();
    rmSync(folder, { recursive: true, force: true });
    expect(workerExit, 'the worker drained').toMatchObject({ exitCode: 0 });
  });

  it('ends with every segment in one terminal state', () => {
    const { total, clip, noClip, dead } = report.segments;
    expect(total).toBeGreaterThanOrEqual(7);
    expect({ sum: clip + noClip + dead, dead }).toEqual({ sum: total, dead: 0 });
    expect(report.moments).toHaveLength(1);
    expect(report.clips).toEqual([expect.objectContaining({ revision: 'exact', proven: true })]);
  });

  it('has the clip in the bucket, whole, and its sidecar last', async () => {
    const [clip] = report.clips;
    const objects = await listAll(`cup/clips/`);
    const sidecarObject = objects.find(({ Key }) => Key?.endsWith(`/${clip?.id}.json`));
    const body = await s3.send(new GetObjectCommand({ Bucket: 'clips', Key: sidecarObject?.Key ?? '' }));
    const sidecar = clipSidecar.parse(JSON.parse((await body.Body?.transformToString()) ?? ''));
    for (const rendition of sidecar.renditions) {
      const object = objects.find(({ Key }) => Key === `cup/${rendition.key}`);
      expect(object?.Size).toBe(rendition.bytes);
      expect(object?.LastModified?.getTime()).toBeLessThanOrEqual(
        sidecarObject?.LastModified?.getTime() ?? 0,
      );
    }
    expect(clip?.renditions.every((rendition) => rendition.path === undefined)).toBe(true);
  });

  it('plays from the bucket, in parts, by an address that the page hands out', async () => {
    const response = await fetch(`${up.url}/api/v1/clips/${report.clips[0]?.id}/video`, {
      headers: { authorization: `Bearer ${up.token}`, range: 'bytes=0-99' },
    });
    expect(response.status).toBe(206);
    expect((await response.arrayBuffer()).byteLength).toBe(100);
    expect(new URL(response.url).origin).toBe(moto.endpoint);
  });

  it('was worked on by a worker that spoke to the queue and the store, and opened no database', () => {
    expect([...worker.connections.values()].every((count) => count > 0)).toBe(true);
    expect(existsSync(join(apart.home, 'postgres'))).toBe(false);
  });

  async function listAll(prefix: string): Promise<_Object[]> {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'clips', Prefix: prefix }));
    return Contents;
  }
});
