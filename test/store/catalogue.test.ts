import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';

import { openCatalogue } from '../../store/catalogue.ts';
import { migrate } from '../../store/migrate.ts';
import { migrations, type Migration } from '../../store/migrations.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();

const steps: Migration[] = [
  { version: 1, name: 'a table', sql: 'create table a (x int); insert into a values (1);' },
  { version: 2, name: 'a column', sql: 'alter table a add column y bigint not null default 5000000000;' },
];

describe('migrate', () => {
  it('applies what is missing, once, in order', async () => {
    const databaseUrl = await postgres.emptyDatabase();
    expect(await migrate({ databaseUrl, migrations: steps.slice(0, 1) })).toEqual([1]);
    expect(await migrate({ databaseUrl, migrations: steps })).toEqual([2]);
    expect(await migrate({ databaseUrl, migrations: steps })).toEqual([]);
  });

  it('lets several processes start at once', async () => {
    const databaseUrl = await postgres.emptyDatabase();
    const all = await Promise.all(
      [1, 2, 3, 4].map(async () => await migrate({ databaseUrl, migrations: steps })),
    );
    expect(all.flat().toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  it('leaves nothing of a step that fails, keeps those before it, and goes on when it is mended', async () => {
    const databaseUrl = await postgres.emptyDatabase();
    const broken = { version: 2, name: 'broken', sql: 'create table b (x int); select 1 / 0;' };
    await expect(migrate({ databaseUrl, migrations: [steps[0] as Migration, broken] })).rejects.toThrow(
      /division/,
    );
    const catalogue = await openCatalogue({ databaseUrl });
    const { rows } = await sql`select to_regclass('a') as a, to_regclass('b') as b`.execute(catalogue.db);
    await catalogue.close();
    expect(rows).toEqual([{ a: 'a', b: null }]);
    expect(await migrate({ databaseUrl, migrations: steps })).toEqual([2]);
  });

  it('refuses a database that a newer touchline has migrated', async () => {
    const databaseUrl = await postgres.emptyDatabase();
    await migrate({ databaseUrl, migrations: steps });
    await expect(migrate({ databaseUrl, migrations: steps.slice(0, 1) })).rejects.toMatchObject({
      code: 'catalogue.newer-schema',
      message: expect.stringContaining('at 2, this program ends at 1') as string,
    });
  });

  it('brings an empty database to today, with versions that count from 1', async () => {
    expect(migrations.map((migration) => migration.version)).toEqual(migrations.map((_, index) => index + 1));
    const databaseUrl = await postgres.migratedDatabase();
    expect(await migrate({ databaseUrl, migrations })).toEqual([]);
  });
});

describe('the catalogue', () => {
  it('reads whole numbers of 64 bits as numbers', async () => {
    const databaseUrl = await postgres.emptyDatabase();
    await migrate({ databaseUrl, migrations: steps });
    const catalogue = await openCatalogue({ databaseUrl });
    const { rows } = await sql`select x, y from a`.execute(catalogue.db);
    await catalogue.close();
    expect(rows).toEqual([{ x: 1, y: 5_000_000_000 }]);
  });

  it('ends a statement that takes longer than it may, and serves the next', async () => {
    const catalogue = await openCatalogue({
      databaseUrl: await postgres.emptyDatabase(),
      poolMax: 1,
      statementMsMax: 50,
    });
    await expect(sql`select pg_sleep(10)`.execute(catalogue.db)).rejects.toThrow(/statement timeout/);
    await catalogue.ping();
    await catalogue.close();
  });

  it('survives the loss of its idle connections', async () => {
    const databaseUrl = await postgres.emptyDatabase();
    const catalogue = await openCatalogue({ databaseUrl });
    const other = await openCatalogue({ databaseUrl, applicationName: 'other' });
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'touchline'`.execute(
      other.db,
    );
    await expect
      .poll(
        async () =>
          await catalogue.ping().then(
            () => 'answers',
            () => 'lost',
          ),
      )
      .toBe('answers');
    await catalogue.close();
    await other.close();
  });

  it('says that the server does not answer, and not with which password', async () => {
    const databaseUrl = 'postgres://someone:sesame@127.0.0.1:9/touchline';
    const thrown = await openCatalogue({ databaseUrl }).catch((error: unknown) => error as Error);
    expect(thrown).toMatchObject({ code: 'catalogue.unavailable', retryable: true, blame: 'environment' });
    expect((thrown as Error).message).toContain('DATABASE_URL');
    expect((thrown as Error).message).not.toContain('sesame');
  });
});
