import { z } from 'zod';

import { TouchlineError } from '../../core/errors.ts';

/**
 * How a feed comes to MediaLive, as a person asks for it. Two addresses or sources make a STANDARD channel of two pipelines;
 * one makes a SINGLE_PIPELINE channel.
 */
export type InputWish = z.infer<typeof inputWish>;

const cidr = z
  .string()
  .regex(/^(\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/, 'must be a range of IPv4 addresses such as 203.0.113.7/32')
  .refine(isCidr, 'must be a range of IPv4 addresses such as 203.0.113.7/32');
/** MediaLive takes up to ten rules in a group. Open to everybody is never the default: somebody has to say it. */
const noCidrs = 'must name at least one range that may push (--allow 203.0.113.7/32)';
const cidrs = z.array(cidr, noCidrs).min(1, noCidrs).max(10);
const isStandard = z.boolean().default(false);
const secretArn = z
  .string()
  .regex(/^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+$/, 'must be the ARN of a secret');
const latencyMs = z.int().min(120).max(15_000).default(2000);
const streamId = z.string().min(1).max(512).optional();
/** The host is MediaLive's to resolve; ours is only to see that nothing else hides in the address, and that it is not their own machine. */
const url = (protocols: readonly string[]) =>
  z
    .string()
    .max(2048)
    .refine(
      (text) => {
        const parsed = URL.canParse(text) ? new URL(text) : undefined;
        if (!parsed || !protocols.includes(parsed.protocol)) return false;
        return parsed.username === '' && parsed.password === '' && !isOwnMachine(parsed.hostname);
      },
      `must be an address that begins with ${protocols.join('// or ')}// and holds no password, and not one of the machine itself`,
    );
const noSources = 'must name one address, or two for two pipelines';
const sources = (protocols: readonly string[]) =>
  z.array(url(protocols), `${noSources} (--url)`).min(1).max(2);

export const inputWish = z.discriminatedUnion('type', [
  /** H.264 with AAC; no encryption and no key but the name of the stream, so the range of addresses is the lock. */
  z.strictObject({ type: z.literal('rtmp-push'), cidrs, isStandard }),
  z.strictObject({ type: z.literal('rtp-push'), cidrs, isStandard }),
  /** Encrypted always. Without a secret, a passphrase is drawn and kept in Secrets Manager. */
  z.strictObject({
    type: z.literal('srt-listener'),
    cidrs,
    isStandard,
    latencyMs,
    streamId,
    passphraseArn: secretArn.optional(),
  }),
  z.strictObject({
    type: z.literal('srt-caller'),
    callers: z
      .array(
        z.strictObject({
          host: z
            .string()
            .regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be a host name or an IPv4 address')
            .refine((host) => !isOwnMachine(host), 'must not be the machine that pulls'),
          port: z.int().min(1).max(65_535),
        }),
        `${noSources} (--caller HOST:PORT)`,
      )
      .min(1)
      .max(2),
    latencyMs,
    streamId,
    passphraseArn: secretArn.optional(),
  }),
  z.strictObject({ type: z.literal('url-pull'), urls: sources(['https:', 'http:']) }),
  z.strictObject({
    type: z.literal('mediaconnect'),
    flowArns: z
      .array(
        z.string().regex(/^arn:aws[a-z-]*:mediaconnect:\S+:flow:\S+$/, 'must be the ARN of a flow'),
        `${noSources} (--flow ARN)`,
      )
      .min(1)
      .max(2),
  }),
  z.strictObject({ type: z.literal('mp4-file'), urls: sources(['https:', 'http:', 's3:', 's3ssl:']) }),
]);

/** What whoever pulls would reach in itself: its loopback, and the metadata and credentials of its cloud (169.254.169.254). */
function isOwnMachine(host: string): boolean {
  // 2130706433 and 0x7f.1 are 127.0.0.1 as well; an address of HTTP is written in one way alone.
  const plain = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : host;
  return /^(0\.|127\.|169\.254\.|\[::1?\]|\[::ffff:(0|7f|a9fe)|\[fe[89ab]|\[fd00:ec2:|(.*\.)?localhost\.?$)/i.test(
    plain,
  );
}

/** @throws TouchlineError `channel.invalid` that names every field that is wrong */
export function readInputWish(input: unknown): InputWish {
  const read = inputWish.safeParse(input ?? {});
  if (read.success) return read.data;
  const what = read.error.issues.map((issue) => `${['input', ...issue.path].join('.')} ${issue.message}`);
  throw new TouchlineError({
    code: 'channel.invalid',
    message: `the input of a MediaLive channel is not right: ${what.join('; ')}`,
    retryable: false,
    blame: 'caller',
  });
}

export function isStandardWish(input: InputWish): boolean {
  switch (input.type) {
    case 'rtmp-push':
    case 'rtp-push':
    case 'srt-listener':
      return input.isStandard;
    case 'srt-caller':
      return input.callers.length === 2;
    case 'url-pull':
    case 'mp4-file':
      return input.urls.length === 2;
    case 'mediaconnect':
      return input.flowArns.length === 2;
  }
}

/** Only what is pushed to has a lock on its door. */
export function cidrsOf(input: InputWish): string[] | undefined {
  return 'cidrs' in input ? input.cidrs : undefined;
}

function isCidr(text: string): boolean {
  const [address = '', bits = ''] = text.split('/');
  return Number(bits) <= 32 && address.split('.').every((part) => Number(part) <= 255);
}
