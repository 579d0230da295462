import { readFileSync, writeFileSync } from 'node:fs';

import { expect, it } from 'vitest';
import { z } from 'zod';

import { clipSidecar } from '../../core/clip.ts';

const path = new URL('../../docs/schemas/clip-v1.schema.json', import.meta.url);

/** `TOUCHLINE_WRITE_SCHEMAS=1 npx vitest run test/clipper/clip-schema.test.ts && npx oxfmt docs/schemas` writes it anew. */
it('the published schema of the sidecar is the one that we check against', () => {
  const schema = {
    $id: 'https://touchline.dev/schemas/clip-v1.schema.json',
    title: 'touchline.clip/v1',
    ...z.toJSONSchema(clipSidecar, { target: 'draft-2020-12' }),
  };
  if (process.env['TOUCHLINE_WRITE_SCHEMAS']) writeFileSync(path, JSON.stringify(schema, null, 2));
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(schema);
});
