import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { TouchlineError } from '../../core/errors.ts';
import { readSettings } from '../../core/settings.ts';

const wholeNumber = z
  .string()
  .default('8080')
  .refine((text) => /^\d+$/.test(text), 'must be a whole number')
  .transform(Number);

const settings = {
  httpPort: { env: 'TL_HTTP_PORT', path: 'web.httpPort', schema: wholeNumber },
  hosts: {
    env: 'TL_HOSTS',
    path: 'web.hosts',
    schema: z
      .string()
      .default('')
      .transform((text) => text.split(',').filter(Boolean)),
  },
  database: {
    env: 'TL_DATABASE',
    path: 'store.database',
    isSecret: true,
    schema: z
      .string()
      .regex(/^postgres:/, 'must look like postgres://...')
      .optional(),
  },
  folder: {
    env: 'TL_FOLDER',
    path: 'store.folder',
    schema: z.string().optional(),
    resolve: (text: string, folder: string) => `${folder}/${text}`,
  },
};

function read(env: Record<string, string>, yaml?: string) {
  const file = yaml === undefined ? undefined : { path: '/etc/tl/touchline.yaml', text: yaml };
  return readSettings(settings, { env, cwd: '/srv', file });
}

function problemsOf(env: Record<string, string>, yaml?: string): string {
  try {
    read(env, yaml);
  } catch (thrown) {
    if (thrown instanceof TouchlineError && thrown.code === 'config.invalid') return thrown.message;
    throw thrown;
  }
  throw new Error('it was taken');
}

describe('readSettings', () => {
  it('takes the environment before the file, and the file before the default', () => {
    const yaml = 'web:\n  httpPort: 9000\n  hosts: [a, b]\n';
    expect(read({}, undefined).values.httpPort).toBe(8080);
    expect(read({}, yaml).values).toMatchObject({ httpPort: 9000, hosts: ['a', 'b'] });
    expect(read({ TL_HTTP_PORT: '9001' }, yaml).values).toMatchObject({ httpPort: 9001, hosts: ['a', 'b'] });
  });

  it('says of each value where it came from, to the line', () => {
    const { origins } = read({ TL_HOSTS: 'x' }, '# ours\nweb:\n  httpPort: 9000\n');
    expect(origins.map(({ path, value, origin }) => [path, value, origin])).toEqual([
      ['web.httpPort', '9000', '/etc/tl/touchline.yaml:3'],
      ['web.hosts', 'x', 'environment'],
      ['store.database', null, 'default'],
      ['store.folder', null, 'default'],
    ]);
  });

  it('takes a path in the file from the folder of the file, and one in the environment from the working folder', () => {
    expect(read({}, 'store: { folder: here }').values.folder).toBe('/etc/tl/here');
    expect(read({ TL_FOLDER: 'here' }).values.folder).toBe('/srv/here');
  });

  it('never shows a secret', () => {
    const yaml = 'store:\n  database: mysql://me:hunter2@db\n';
    expect(problemsOf({}, yaml)).toBe(
      '/etc/tl/touchline.yaml:2 store.database must look like postgres://... (got a value that is not shown)',
    );
    const right = read({ TL_DATABASE: 'postgres://me:hunter2@db' });
    expect(JSON.stringify(right.origins)).not.toContain('hunter2');
    expect(JSON.stringify(right.env)).not.toContain('hunter2');
    expect(right.env['TL_DATABASE']?.reveal()).toBe('postgres://me:hunter2@db');
  });

  it('names every problem of both sources at once', () => {
    const problems = problemsOf(
      { TL_HTTP_PORT: 'many' },
      'store:\n  database: mysql\n  buket: x\nwebb: 1\nweb:\n  hosts: { a: 1 }\n',
    );
    expect(problems.split('\n')).toEqual([
      '5 settings are wrong:',
      expect.stringContaining('touchline.yaml:3 store.buket is no setting'),
      expect.stringContaining('touchline.yaml:4 webb is no setting'),
      expect.stringContaining('touchline.yaml:6 web.hosts must be one value or a list of values'),
      '  TL_HTTP_PORT must be a whole number (got "many")',
      expect.stringContaining('touchline.yaml:2 store.database must look like'),
    ]);
  });

  it.each([
    ['web: [1, 2', 'is not YAML'],
    ['- web', 'the file must hold settings by name'],
    ['web: 8080', 'web must hold settings by name'],
    ['web: { httpPort: 1 }\nweb: { httpPort: 2 }', 'is not YAML'],
    ['web:\n  httpport: 1', 'did you mean web.httpPort?'],
  ])('refuses %j', (yaml, message) => {
    expect(problemsOf({}, yaml)).toContain(message);
  });

  it.each(['', '# nothing yet\n', 'web:\n', 'web:\n  httpPort:\n'])('takes %j as nothing given', (yaml) => {
    expect(read({}, yaml).values.httpPort).toBe(8080);
  });

  it('comes out the same in a child that is given the environment alone', () => {
    const { env, values } = read({ TL_HOSTS: 'a,b' }, 'store: { folder: here }\nweb: { httpPort: 9000 }');
    const given = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.reveal()]));
    const child = readSettings(
      { ...settings, folder: { ...settings.folder, resolve: (text: string) => text } },
      { env: given, cwd: '/elsewhere' },
    );
    expect(child.values).toEqual(values);
  });
});
