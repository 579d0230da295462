import { describe, expect, it } from 'vitest';

import { readSettings } from '../../core/settings.ts';
import { queueSettings } from '../../queue/queue-settings.ts';

function read(text: string | undefined) {
  return readSettings(queueSettings, { env: { TOUCHLINE_QUEUE: text }, cwd: '/' });
}

describe('TOUCHLINE_QUEUE', () => {
  it.each([
    [undefined, { engine: 'postgres' }, 'postgres'],
    ['postgres', { engine: 'postgres' }, 'postgres'],
    ['redis://cache:6379/2', { engine: 'redis' }, 'redis://cache:6379/2'],
    ['redis://:hunter2@cache:6379', { engine: 'redis' }, 'redis://:***@cache:6379'],
    ['rediss://me:hunter2@cache', { engine: 'redis' }, 'rediss://me:***@cache'],
    [
      'sqs://eu-west-1/touchline',
      { engine: 'sqs', region: 'eu-west-1', prefix: 'touchline' },
      'sqs://eu-west-1/touchline',
    ],
    ['sqs://us-gov-east-1/a_B-1', { engine: 'sqs', region: 'us-gov-east-1', prefix: 'a_B-1' }, undefined],
  ])('%s', (text, expected, shown) => {
    const { values, origins } = read(text);
    expect(values.queue).toMatchObject(expected);
    expect(origins[0]?.value).toBe(shown ?? text);
    if (values.queue.engine === 'redis') expect(values.queue.url.reveal()).toBe(text);
    expect(JSON.stringify(values)).not.toContain('hunter2');
  });

  it.each([
    'Postgres',
    'postgres://db/x',
    'redis://',
    'redis:hunter2',
    'rediss:// :hunter2@cache',
    'sqs://eu-west-1',
    'sqs://eu-west-1/',
    'sqs://ireland/touchline',
    'sqs://eu-west-1/a.b',
    `sqs://eu-west-1/${'x'.repeat(51)}`,
    'https://sqs.eu-west-1.amazonaws.com/1/x',
  ])('refuses %s, without showing it', (text) => {
    expect(() => read(text)).toThrow(
      /TOUCHLINE_QUEUE must be postgres .* \(got a value that is not shown\)/s,
    );
    expect(() => read(text)).not.toThrow(/hunter2/);
  });
});
