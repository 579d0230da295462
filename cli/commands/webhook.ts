import { Option, type Command } from 'commander';

import { webhookEventTypes, type WebhookEventType } from '../../control/webhooks/event-types.ts';
import type { Webhook, WebhookDelivery, WebhookMade } from '../../web/api/schemas/webhook.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliIo } from '../cli-io.ts';
import { exitCodes } from '../exit-codes.ts';

interface Json {
  json?: true;
}

/** `touchline webhook`: who outside is told what happens here (docs/webhooks.md). */
export function register(program: Command, io: CliIo): void {
  const webhooks = program.command('webhook').description('addresses that are told what happens');

  webhooks
    .command('add <url>')
    .description('a new webhook; its secret is shown this once')
    .addOption(
      new Option('--event <type...>', 'what it is told of; without it, everything').choices(
        webhookEventTypes,
      ),
    )
    .option('--description <text>', 'whose it is', '')
    .option('--json', 'print { webhook, secret }')
    .action(async (url: string, options: Json & { event?: WebhookEventType[]; description: string }) => {
      const { event: eventTypes, description } = options;
      const wish = { url, description, ...(eventTypes ? { eventTypes } : {}) };
      const made = await asked(io, async (api) => await api.post<WebhookMade>('/webhooks', wish));
      if (options.json) return io.printJson(made);
      io.print(made.secret);
      io.tell(
        `${lineOf(made.webhook)}; the line above signs what it is sent: give it to the receiver, it is not shown again`,
      );
    });

  webhooks
    .command('list')
    .description('all webhooks, without their secrets')
    .option('--json', 'print { webhooks: [...] }')
    .action(async (options: Json) => {
      const answer = await asked(io, async (api) => await api.get<{ webhooks: Webhook[] }>('/webhooks'));
      if (options.json) return io.printJson(answer);
      for (const webhook of answer.webhooks) io.print(lineOf(webhook));
      if (answer.webhooks.length === 0) io.tell('none: "touchline webhook add URL" makes one');
    });

  webhooks
    .command('remove <id>')
    .description('it is told nothing more; what waits for it goes with it')
    .option('--json', 'print { removed }')
    .action(async (id: string, options: Json) => {
      await asked(io, async (api) => await api.delete(pathOf(id)));
      if (options.json) return io.printJson({ removed: id });
      io.tell(`removed ${id}`);
    });

  for (const [name, isEnabled] of [
    ['on', true],
    ['off', false],
  ] as const) {
    webhooks
      .command(`${name} <id>`)
      .description(isEnabled ? 'told again, of what happens from now on' : 'told nothing for the time being')
      .option('--json', 'print the webhook')
      .action(async (id: string, options: Json) => {
        const changed = await asked(io, async (api) => await api.patch<Webhook>(pathOf(id), { isEnabled }));
        if (options.json) return io.printJson(changed);
        io.print(lineOf(changed));
      });
  }

  webhooks
    .command('rotate <id>')
    .description('a new secret; the one before it signs too, for 24 hours')
    .option('--json', 'print { webhook, secret }')
    .action(async (id: string, options: Json) => {
      const made = await asked(io, async (api) => await api.post<WebhookMade>(`${pathOf(id)}/rotate`));
      if (options.json) return io.printJson(made);
      io.print(made.secret);
      io.tell('the secret before it signs too for 24 hours; this one is not shown again');
    });

  webhooks
    .command('test <id>')
    .description('sends webhook.test now and shows the answer')
    .option('--json', 'print the delivery')
    .action(async (id: string, options: Json) => {
      const sent = await asked(io, async (api) => await api.post<WebhookDelivery>(`${pathOf(id)}/test`));
      if (sent.state !== 'delivered') process.exitCode = exitCodes.unavailable;
      if (options.json) return io.printJson(sent);
      io.print(deliveryLine(sent));
      if (sent.answer) io.print(sent.answer);
    });

  webhooks
    .command('log <id>')
    .description('what was sent, newest first')
    .option('--json', 'print { deliveries: [...] }')
    .action(async (id: string, options: Json) => {
      const answer = await asked(
        io,
        async (api) => await api.get<{ deliveries: WebhookDelivery[] }>(`${pathOf(id)}/deliveries`),
      );
      if (options.json) return io.printJson(answer);
      for (const delivery of answer.deliveries) io.print(deliveryLine(delivery));
      if (answer.deliveries.length === 0) io.tell('nothing was sent yet');
    });

  webhooks
    .command('again <id> <delivery>')
    .description('sends a message of the log again, with the same webhook-id')
    .option('--json', 'print the delivery')
    .action(async (id: string, delivery: string, options: Json) => {
      const path = `${pathOf(id)}/deliveries/${encodeURIComponent(delivery)}/again`;
      const sent = await asked(io, async (api) => await api.post<WebhookDelivery>(path));
      if (options.json) return io.printJson(sent);
      io.tell(`${sent.id} goes out again`);
    });
}

function pathOf(id: string): string {
  return `/webhooks/${encodeURIComponent(id)}`;
}

function lineOf({ id, url, description, eventTypes, isEnabled, ...how }: Webhook): string {
  const off = isEnabled ? '' : `  off${how.disabledWhy === null ? '' : `: ${how.disabledWhy}`}`;
  const failing =
    how.failingSinceMs === null ? '' : `  failing since ${new Date(how.failingSinceMs).toISOString()}`;
  const waiting = how.waitingCount === 0 ? '' : `  ${how.waitingCount} waiting`;
  const of = description === '' ? '' : `  (${description})`;
  return `${id}  ${url}${of}  ${eventTypes.join(',')}${waiting}${failing}${off}`;
}

function deliveryLine(delivery: WebhookDelivery): string {
  const { id, type, state, status, tookMs, tries, why, nextAtMs } = delivery;
  const answered = status === null ? '' : `  ${status}`;
  const took = tookMs === null ? '' : `  ${tookMs} ms`;
  const next = nextAtMs === null ? '' : `  next try ${new Date(nextAtMs).toISOString()}`;
  return `${id}  ${type}  ${state}${answered}${took}  tries ${tries}${next}${why === null ? '' : `  ${why}`}`;
}

async function asked<T>(io: CliIo, use: (api: ApiClient) => Promise<T>): Promise<T> {
  const { withServer } = await import('../with-server.ts');
  return await withServer(io, use);
}
