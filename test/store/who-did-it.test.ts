import { sql } from 'kysely';
import { expect, it } from 'vitest';

import { openCatalogue } from '../../store/catalogue.ts';
import { migrate } from '../../store/migrate.ts';
import { migrations } from '../../store/migrations.ts';
import { usePostgres } from '../support/postgres.ts';

const postgres = usePostgres();
const whoDidIt = migrations.findIndex(({ name }) => name === 'who did it');

it('keeps who edited before it was written down in one form: their kind shows in their id', async () => {
  const databaseUrl = await postgres.emptyDatabase();
  await migrate({ databaseUrl, migrations: migrations.slice(0, whoDidIt) });
  const catalogue = await openCatalogue({ databaseUrl });
  const people = [
    ['usr_k7vvn3x8kzqd9yjv', 'Ana', 'user'],
    // Not of a user: that has a line beneath, which stands for any letter elsewhere.
    ['usrx000011112222', 'a token', 'token'],
    ['00ff00ff00ff00ff', "O'Neil", 'token'],
    ['server', 'the owner of the server', 'server'],
  ] as const;
  for (const [nth, [id, name]] of people.entries()) {
    await sql`insert into edits values ('clp_1', ${nth + 1}, 'saved', 0, 90000, 0.5, 0.5, '', '[]', ${id}, ${name}, 1)`.execute(
      catalogue.db,
    );
  }
  await migrate({ databaseUrl, migrations });
  const rows = await catalogue.db.selectFrom('edits').select('actor').orderBy('version').execute();
  expect(rows.map(({ actor }) => actor)).toEqual(people.map(([id, name, kind]) => ({ kind, id, name })));
  await catalogue.close();
});
