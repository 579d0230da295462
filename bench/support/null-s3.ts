/** `node null-s3.ts`: takes and gives objects from memory over HTTP as fast as Node can, so that the client is what is measured. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';

const objects = new Map<string, { bytes: Buffer; sum: string }>();

const server = createServer((request, response) => {
  const path = (request.url ?? '').split('?')[0] ?? '';
  if (request.method === 'PUT') {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const bytes = Buffer.concat(pieces);
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(crc32(bytes));
      objects.set(path, { bytes, sum: sum.toString('base64') });
      response.writeHead(200, { etag: '"x"', 'content-length': 0 }).end();
    });
    return;
  }
  request.resume();
  const object = objects.get(path);
  if (!object) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    etag: '"x"',
    'content-length': object.bytes.length,
    'last-modified': 'Mon, 23 Nov 2026 00:00:00 GMT',
    'x-amz-checksum-crc32': object.sum,
    'x-amz-checksum-type': 'FULL_OBJECT',
  });
  response.end(object.bytes);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});
