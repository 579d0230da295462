import { z } from 'zod';

/** One object that S3 says it has. At least once, in no order, and now and then never: a hint where to look. */
export interface CreatedObject {
  bucket: string;
  key: string;
}

export interface ObjectEvents {
  created: CreatedObject[];
  /** What of the message is no such event, in words; empty for a sound one. */
  problems: string[];
}

/**
 * Reads what S3 sends about new objects, in either of its shapes: by way of EventBridge, one event a message with the key as
 * it is; or straight to SQS, any number of records with the key encoded as in a form (spaces as "+").
 */
export function readObjectEvents(body: string): ObjectEvents {
  if (body.length > bodyCharsMax) {
    return bad(`it has ${body.length} characters, and S3 sends at most ${bodyCharsMax}`);
  }
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    return bad('it is not JSON');
  }
  if (bridgeEnvelope.safeParse(message).success) return readBridgeEvent(message);
  if (notificationEnvelope.safeParse(message).success) return readNotification(message);
  // Sent once when the notification is set up. Nothing to do, and nothing wrong.
  if (testEvent.safeParse(message).success) return { created: [], problems: [] };
  return bad('it is neither an EventBridge event of aws.s3 nor an S3 notification');
}

function readBridgeEvent(message: unknown): ObjectEvents {
  const event = bridgeEvent.safeParse(message);
  if (!event.success) return bad(describe(event.error));
  const { bucket, object } = event.data.detail;
  return { created: [{ bucket: bucket.name, key: object.key }], problems: [] };
}

function readNotification(message: unknown): ObjectEvents {
  const { Records: records } = notificationEnvelope.parse(message);
  const read: ObjectEvents = { created: [], problems: [] };
  if (records.length > recordsMax) {
    read.problems.push(`it has ${records.length} records, of which the first ${recordsMax} are read`);
  }
  for (const [index, one] of records.slice(0, recordsMax).entries()) {
    const record = notificationRecord.safeParse(one);
    if (!record.success) {
      read.problems.push(`record ${index}: ${describe(record.error)}`);
      continue;
    }
    const { bucket, object } = record.data.s3;
    const key = decodeKey(object.key);
    if (key === undefined) read.problems.push(`record ${index}: its key is not URL-encoded`);
    else read.created.push({ bucket: bucket.name, key });
  }
  return read;
}

function decodeKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function bad(problem: string): ObjectEvents {
  return { created: [], problems: [problem] };
}

function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.')}: ${issue.message}` : 'it is malformed';
}

/** An SQS message has at most 1 MiB. */
const bodyCharsMax = 1024 * 1024;
/** S3 puts one record into a message today; the format allows more. */
const recordsMax = 1000;

/** S3's own limit. */
const key = z.string().min(1).max(1024);
const encodedKey = z
  .string()
  .min(1)
  .max(3 * 1024);
const bucket = z.object({ name: z.string().min(1).max(255) });

const bridgeEnvelope = z.object({ source: z.literal('aws.s3') });
const bridgeEvent = z.object({
  'detail-type': z.literal('Object Created'),
  detail: z.object({ bucket, object: z.object({ key }) }),
});

const notificationEnvelope = z.object({ Records: z.array(z.unknown()) });
const notificationRecord = z.object({
  eventSource: z.literal('aws:s3'),
  eventName: z.string().regex(/^(s3:)?ObjectCreated:/, 'it is not about a created object'),
  s3: z.object({ bucket, object: z.object({ key: encodedKey }) }),
});

const testEvent = z.object({ Service: z.literal('Amazon S3'), Event: z.literal('s3:TestEvent') });
