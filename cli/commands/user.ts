import { Option, type Command } from 'commander';

import { roles, type Role } from '../../control/principal.ts';
import type { ApiClient } from '../api-client.ts';
import type { User, UserMade } from '../../web/api/schemas/account.ts';
import type { CliIo } from '../cli-io.ts';

/** `touchline user`: who may sign in, and the link for a forgotten password. */
export function register(program: Command, io: CliIo): void {
  const users = program.command('user').description('people who may sign in on the page');
  const json = new Option('--json', 'print the answer as JSON');
  const role = new Option('--role <role>', 'what they may do').choices(roles);

  users
    .command('list')
    .description('everybody, with their role')
    .addOption(json)
    .action(async (options: { json?: boolean }) => {
      const answer = await asked(io, (api) => api.get<{ users: User[] }>('/users'));
      if (options.json) return io.printJson(answer);
      for (const { name, role, isDisabled } of answer.users)
        io.print(`${name}  ${role}${isDisabled ? '  shut out' : ''}`);
      if (answer.users.length === 0)
        io.tell('nobody yet: "touchline up" prints the link that makes the first account');
    });
  users
    .command('add <name>')
    .description('invite somebody: prints a link that works once')
    .addOption(role.default('editor'))
    .addOption(json)
    .action(async (name: string, options: { role: Role; json?: boolean }) => {
      const { role } = options;
      await printLink(io, options, (api) => api.post<UserMade>('/users', { name, role }));
    });
  users
    .command('link <name>')
    .description('a new one-time link for somebody who is there: a forgotten password')
    .addOption(json)
    .action(async (name: string, options: { json?: boolean }) => {
      await printLink(io, options, (api) => api.post<UserMade>(`/users/${encodeURIComponent(name)}/link`));
    });
  users
    .command('role <name> <role>')
    .description(`another role: ${roles.join(', ')}`)
    .action(async (name: string, role: string) => {
      const changed = await asked(io, (api) =>
        api.patch<User>(`/users/${encodeURIComponent(name)}`, { role }),
      );
      io.print(`${changed.name}  ${changed.role}`);
    });
  for (const [word, isDisabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    users
      .command(`${word} <name>`)
      .description(isDisabled ? 'shut somebody out, at once and everywhere' : 'let somebody in again')
      .action(async (name: string) => {
        await asked(io, (api) => api.patch<User>(`/users/${encodeURIComponent(name)}`, { isDisabled }));
      });
  }
}

async function printLink(
  io: CliIo,
  options: { json?: boolean },
  make: (api: ApiClient) => Promise<UserMade>,
): Promise<void> {
  let url = '';
  const made = await asked(io, async (api) => {
    url = api.url;
    return await make(api);
  });
  const link = new URL(made.link, url).href;
  if (options.json) return io.printJson({ ...made, link });
  io.print(link);
  io.tell(`for ${made.user.name}; it works once, for a day`);
}

async function asked<T>(io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const { withServer } = await import('../with-server.ts');
  return await withServer(io, use);
}
