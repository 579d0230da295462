import { describe, expect, it } from 'vitest';

import { parseStorePlace, resolveStorePlace, storePlaceText } from '../../store/store-place.ts';
import { storeSettings } from '../../store/store-settings.ts';

describe('TOUCHLINE_STORE', () => {
  it.each([
    ['s3://abc', { kind: 's3', bucket: 'abc', prefix: '' }],
    ['s3://abc/', { kind: 's3', bucket: 'abc', prefix: '' }],
    ['s3://my.bucket-1/season/2026/', { kind: 's3', bucket: 'my.bucket-1', prefix: 'season/2026' }],
    ['/srv/objects', { kind: 'folder', folder: '/srv/objects' }],
  ])('%s is a place', (text, expected) => {
    const place = parseStorePlace(text);
    expect(place).toEqual(expected);
    if (typeof place !== 'string') expect(parseStorePlace(storePlaceText(place))).toEqual(place);
  });

  it.each([
    ['s3:', /folder or s3:/],
    ['s3://', /name a bucket/],
    ['s3://ab', /name a bucket/],
    [`s3://${'a'.repeat(64)}`, /name a bucket/],
    ['s3://Bucket', /name a bucket/],
    ['s3://user:password@bucket', /name a bucket/],
    ['s3://fast--use1-az4--x-s3', /directory bucket/],
    ['s3://bucket//x', /prefix/],
    ['s3://bucket/../x', /prefix/],
    ['s3://bucket/a b', /prefix/],
    [`s3://bucket/${'x/'.repeat(250)}y`, /prefix/],
    ['https://bucket.s3.amazonaws.com', /folder or s3:/],
    ['S3://bucket', /folder or s3:/],
  ])('%s is none', (text, why) => expect(parseStorePlace(text)).toMatch(why));

  it.each([
    ['objects', '/etc/touchline/objects'],
    ['file:///srv/x', '/srv/x'],
    ['s3://abc/x', 's3://abc/x'],
  ])('%s is taken from where it was written', (text, expected) =>
    expect(resolveStorePlace(text, '/etc/touchline')).toBe(expected),
  );
});

describe('the other settings of the store', () => {
  it.each([
    ['storeKmsKey', 'alias/clips', true],
    ['storeKmsKey', 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab', true],
    ['storeKmsKey', '1234abcd-12ab-34cd-56ef-1234567890ab', true],
    ['storeKmsKey', 'clips', false],
    ['storeTags', 'team=video,env=prod', true],
    ['storeTags', 'team', false],
    ['storeTags', Array.from({ length: 10 }, (_, index) => `t${index}=x`).join(','), true],
    ['storeTags', Array.from({ length: 11 }, (_, index) => `t${index}=x`).join(','), false],
    ['s3Endpoint', 'http://127.0.0.1:9000', true],
    ['s3Endpoint', 'http://me:secret@127.0.0.1:9000', false],
    ['s3Endpoint', '127.0.0.1:9000', false],
  ] as const)('%s %s: %s', (name, text, isRight) =>
    expect(storeSettings[name].schema.safeParse(text).success).toBe(isRight),
  );
});
