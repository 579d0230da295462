import { InvalidArgumentError, Option, type Command } from 'commander';

import { scopes, type Scope } from '../../control/principal.ts';
import type { ApiToken, TokenMade } from '../../web/api/schemas/account.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';

interface Json {
  json?: true;
}

const dayMs = 86_400_000;
/** Longer is for ever to whoever forgets it. */
const daysMax = 3_650;

/** `touchline token`: what programs come in by. Those made here are the server's own; people make theirs in the console. */
export function register(program: Command, io: CliIo): void {
  const tokens = program.command('token').description('tokens for programs that use the API');

  tokens
    .command('create <name>')
    .description('a new token; it is shown this once')
    .addOption(
      new Option('--scope <scope...>', 'what it may do').choices(scopes).default(['read'], 'read alone'),
    )
    .option('--days <count>', 'how long it works; without it, until it is revoked', days)
    .option('--json', 'print { token, secret }')
    .action(async (name: string, options: Json & { scope: Scope[]; days?: number }) => {
      const { systemClock } = await import('../../core/clock.ts');
      const expiresAtMs = options.days === undefined ? undefined : systemClock.nowMs() + options.days * dayMs;
      const wish = { name, scopes: options.scope, expiresAtMs };
      const made = await asked(io, async (api) => await api.post<TokenMade>('/tokens', wish));
      if (options.json) return io.printJson(made);
      io.print(made.secret);
      io.tell(
        `${lineOf(made.token)}; send it as "Authorization: Bearer ...": it is kept nowhere and not shown again`,
      );
    });

  tokens
    .command('list')
    .description('the tokens that were made here, without their secrets')
    .option('--json', 'print { tokens: [...] }')
    .action(async (options: Json) => {
      const answer = await asked(io, async (api) => await api.get<{ tokens: ApiToken[] }>('/tokens'));
      if (options.json) return io.printJson(answer);
      for (const token of answer.tokens) io.print(lineOf(token));
      if (answer.tokens.length === 0) io.tell('none: "touchline token create NAME" makes one');
    });

  tokens
    .command('revoke <id>')
    .description('a token, also one that somebody made in the console, works no more')
    .action(async (id: string) => {
      await asked(io, async (api) => await api.delete(`/tokens/${encodeURIComponent(id)}`));
      io.tell(`revoked ${id}`);
    });
}

function lineOf({ id, name, scopes, expiresAtMs, lastUsedAtMs }: ApiToken): string {
  const until = expiresAtMs === null ? '' : `  until ${new Date(expiresAtMs).toISOString()}`;
  const used = lastUsedAtMs === null ? 'never used' : `last used ${new Date(lastUsedAtMs).toISOString()}`;
  return `${id}  ${name}  ${scopes.join(',')}  ${used}${until}`;
}

function days(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= daysMax) return value;
  throw new InvalidArgumentError(`has to be a whole number from 1 to ${daysMax}.`);
}

async function asked<T>(io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const { withServer } = await import('../with-server.ts');
  return await withServer(io, use);
}
