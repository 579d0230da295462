import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeEach, describe, expect, it } from 'vitest';

import { Secret } from '../../core/secret.ts';
import { startTestWeb } from '../support/test-web.ts';
import { FakeDesk } from './fake-desk.ts';

interface Operation {
  summary?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean }[];
  responses: Record<string, unknown>;
  security: Record<string, string[]>[];
}

let document: {
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes: Record<string, object> };
};
beforeEach(async () => {
  const { url, stop } = await startTestWeb({ desk: new FakeDesk(), token: new Secret('x'.repeat(32)) });
  document = (await (await fetch(`${url}/openapi.json`)).json()) as typeof document;
  return stop;
});

describe('the OpenAPI document', () => {
  it('is one, by the schema of the OpenAPI Initiative for 3.1', async () => {
    const { valid, errors } = await new Validator().validate(document);
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  it('declares each name that stands in a path, and no other', () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const [method, { parameters = [] }] of Object.entries(operations)) {
        const declared = parameters.filter((one) => one.in === 'path');
        expect(declared.map(({ name }) => name).toSorted(), `${method} ${path}`).toEqual(
          inPath.filter((name) => name !== undefined).toSorted(),
        );
        expect(
          declared.every(({ required }) => required === true),
          `${method} ${path}`,
        ).toBe(true);
      }
    }
  });

  it('declares the headers that a change needs or may have, and the ETag that it comes from', () => {
    const edit = document.paths['/clips/{id}/edit'];
    for (const method of ['put', 'delete'])
      expect(inHeader(edit?.[method]), method).toEqual([{ name: 'If-Match', required: true }]);
    expect(edit?.['get']?.responses).toMatchObject({ 200: { headers: { ETag: {} } } });
    expect(inHeader(document.paths['/channels']?.['post'])).toMatchObject([{ name: 'Idempotency-Key' }]);
    expect(inHeader(document.paths['/events']?.['get'])).toMatchObject([{ name: 'Last-Event-ID' }]);
  });

  it('declares 200 for each answer that is a file', () => {
    for (const path of [
      '/clips/{id}/video',
      '/clips/{id}/sidecar',
      '/runs/{id}/hls/index.m3u8',
      '/clips/{id}/export',
    ])
      expect(Object.keys(document.paths[path]?.['get']?.responses ?? {}), path).toEqual(['200', 'default']);
  });

  it('declares the ways to come in that its addresses name', () => {
    const named = Object.values(document.paths).flatMap((operations) =>
      Object.values(operations).flatMap(({ security }) => security.flatMap((ways) => Object.keys(ways))),
    );
    const ways = document.components.securitySchemes;
    expect(new Set(named)).toEqual(new Set(Object.keys(ways)));
    expect(ways['token']).toMatchObject({ type: 'http', scheme: 'bearer' });
    expect(ways['session']).toMatchObject({ type: 'apiKey', in: 'cookie' });
  });

  it('says of each what it does, under whose noun, and that it may fail', () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { summary, tags, responses }] of Object.entries(operations)) {
        expect(summary, `${method} ${path}`).toBeTruthy();
        expect(tags, `${method} ${path}`).toHaveLength(1);
        expect(Object.keys(responses), `${method} ${path}`).toContain('default');
      }
    }
  });
});

/** The headers that a request may have. */
function inHeader(
  operation: Operation | undefined,
): { name: string; required?: boolean | undefined }[] | undefined {
  const declared = operation?.parameters?.filter((one) => one.in === 'header');
  return declared?.map(({ name, required }) => ({ name, required }));
}
