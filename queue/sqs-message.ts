import { gunzipSync, gzipSync } from 'node:zlib';

import { z } from 'zod';

import { TouchlineError } from '../core/errors.ts';
import { job as jobSchema, type Job } from '../core/jobs.ts';

/** The body of a message names its schema, so that another version's is recognised and not guessed at. */
const schema = 'touchline.job/1';
/** SQS takes 1 MiB with the attributes; a dead job gets some of those. */
export const messageBytesMax = 1_048_576;
export const bodyBytesMax = messageBytesMax - 8_192;
/** SQS bills by 64 KiB. The signals of a result are numbers in JSON, which shrink to a fifth. */
const plainBytesMax = 60_000;
/** A job of this size would be a fault of ours; what claims to be larger is a bomb. */
const unpackedBytesMax = 16 * 1024 * 1024;

const envelope = z.union([
  z.object({ schema: z.literal(schema), job: z.unknown() }),
  z.object({ schema: z.literal(schema), gzip: z.string() }),
]);

/** @throws TouchlineError `queue.too-large` */
export function encodeMessage(job: Job): string {
  const plain = storable(JSON.stringify({ schema, job }));
  if (Buffer.byteLength(plain) <= plainBytesMax) return plain;
  // The id stands outside, for who can read no more of it than that.
  const gzip = gzipSync(JSON.stringify(job)).toString('base64');
  const packed = storable(JSON.stringify({ schema, id: job.id, gzip }));
  if (packed.length <= bodyBytesMax) return packed;
  throw new TouchlineError({
    code: 'queue.too-large',
    message:
      `job ${job.id} (${job.kind}) has ${packed.length} bytes even when packed, and a message of SQS holds at most ` +
      `${bodyBytesMax}: a ${job.kind} job this large is a fault of touchline or of a model that says too much.`,
    retryable: false,
    blame: 'touchline',
  });
}

type DecodedMessage = { job: Job } | { job: undefined; problem: string };

export function decodeMessage(body: string): DecodedMessage {
  try {
    const read = envelope.safeParse(JSON.parse(body));
    if (!read.success) return { job: undefined, problem: foreign(body) };
    const payload = 'gzip' in read.data ? unpack(read.data.gzip) : read.data.job;
    const parsed = jobSchema.safeParse(payload);
    if (parsed.success) return { job: parsed.data };
    const [issue] = parsed.error.issues;
    return { job: undefined, problem: `it is no job (${issue?.path.join('.')}: ${issue?.message})` };
  } catch (error) {
    return { job: undefined, problem: `it cannot be read (${(error as Error).message.slice(0, 200)})` };
  }
}

/** Of a message that may be another version's, or damaged. */
export function idSaidBy(body: string): string | undefined {
  try {
    const said = z.object({ id: z.string() });
    const { data } = z.union([said, z.object({ job: said })]).safeParse(JSON.parse(body));
    return data && ('job' in data ? data.job.id : data.id);
  } catch {
    return undefined;
  }
}

function foreign(body: string): string {
  const said = z.object({ schema: z.string() }).safeParse(JSON.parse(body));
  if (!said.success) return `it is no message of touchline's`;
  return `its schema is ${JSON.stringify(said.data.schema.slice(0, 100))}, and this version reads ${schema}`;
}

function unpack(base64: string): unknown {
  const bytes = gunzipSync(Buffer.from(base64, 'base64'), { maxOutputLength: unpackedBytesMax });
  return JSON.parse(bytes.toString('utf8'));
}

/** JSON escapes the control characters and lone surrogates; of the rest SQS refuses these two. */
function storable(json: string): string {
  return json.replaceAll('\ufffe', String.raw`\ufffe`).replaceAll('\uffff', String.raw`\uffff`);
}
