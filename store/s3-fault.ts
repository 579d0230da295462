import { TouchlineError, type TouchlineErrorFields } from '../core/errors.ts';

/** Which call it was, for the message. */
export interface S3Call {
  /** The permission that the call needs, as IAM spells it. */
  action: string;
  bucket: string;
  /** Within the bucket, with the prefix; undefined when the call is about the bucket. */
  name?: string;
}

/**
 * What S3, the network or the SDK said, in our words. What the SDK threw is not kept as the cause: it carries the access key
 * id and whole headers, which have no place in a log.
 */
export function s3Fault(thrown: unknown, call: S3Call): TouchlineError {
  if (thrown instanceof TouchlineError) return thrown;
  const said = readSaid(thrown);
  const fields = byName[said.name]?.(said, call) ?? byStatus(said, call);
  const where = `s3://${call.bucket}${call.name === undefined ? '' : `/${call.name}`}`;
  return new TouchlineError({ ...fields, message: `${where}: ${fields.message} (${said.summary})` });
}

interface Said {
  name: string;
  status: number | undefined;
  text: string;
  region: string | undefined;
  /** For the end of the message: what to look for in the logs of AWS. */
  summary: string;
}

type Explain = (said: Said, call: S3Call) => TouchlineErrorFields;

function readSaid(thrown: unknown): Said {
  const error = thrown as Error & {
    code?: string;
    Region?: string;
    $metadata?: { httpStatusCode?: number; requestId?: string };
    $response?: { headers?: Record<string, string> };
  };
  const status = error.$metadata?.httpStatusCode;
  // Of the network it is the code that tells, of S3 the name.
  const name = status === undefined ? (error.code ?? error.name) : error.name;
  const request = error.$metadata?.requestId;
  const parts = [name, status, request && `request ${request}`].filter((part) => part !== undefined);
  return {
    name,
    status,
    text: error.message,
    region: error.Region ?? error.$response?.headers?.['x-amz-bucket-region'],
    summary: parts.join(', '),
  };
}

const unavailable: Explain = ({ text }) => ({
  code: 'store.unavailable',
  message: `${text || 'no answer'}. The call is tried again; if this goes on, look at the network and at the state of S3.`,
  retryable: true,
  blame: 'environment',
});

const damaged: Explain = () => ({
  code: 'store.unavailable',
  message: 'the bytes were damaged on their way: their checksum is another. The call is tried again.',
  retryable: true,
  blame: 'environment',
});

const notFound: Explain = () => ({
  code: 'store.not-found',
  message: 'there is no such object',
  retryable: false,
  blame: 'caller',
});

const wrongBucket: Explain = (_, { bucket }) => ({
  code: 'store.wrong-bucket',
  message: `there is no bucket "${bucket}" that can be used: make it, or correct TOUCHLINE_STORE`,
  retryable: false,
  blame: 'environment',
});

const wrongRegion: Explain = ({ region }) => ({
  code: 'store.wrong-region',
  message: region
    ? `the bucket is in ${region} and another region was asked: set AWS_REGION=${region}`
    : 'the bucket is in another region: set AWS_REGION to that of the bucket',
  retryable: false,
  blame: 'environment',
});

/** AWS names the action and the resource itself in most answers, a key of KMS among them; a HEAD has no text at all. */
const forbidden: Explain = ({ text }, call) => {
  const named = /not authorized to perform:? ([\w-]+:\w+)(?: on resource:? "?(arn:[^\s"]+))?/.exec(text);
  const action = named?.[1] ?? call.action;
  const resource = named?.[2] ?? arnOf(call);
  const also =
    action === 's3:GetObject'
      ? '; without s3:ListBucket this is also what S3 says of an object that is not there'
      : '';
  return {
    code: 'store.forbidden',
    message: `these credentials may not do it: allow ${action} on ${resource} in IAM and in the policy of the bucket${also}`,
    retryable: false,
    blame: 'environment',
  };
};

function arnOf({ action, bucket, name }: S3Call): string {
  return action === 's3:ListBucket' || name === undefined
    ? `arn:aws:s3:::${bucket}`
    : `arn:aws:s3:::${bucket}/${name}`;
}

const badCredentials: Explain = () => ({
  code: 'store.bad-credentials',
  message:
    'AWS does not take the credentials: look at the role of this machine, AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret',
  retryable: false,
  blame: 'environment',
});

/** The SDK fetches new ones for the next try. */
const expired: Explain = (said, call) => ({ ...badCredentials(said, call), retryable: true });

/** The SDK signs the next try by the time of S3, so that one may pass. */
const clockSkew: Explain = () => ({
  code: 'store.clock-skew',
  message:
    'the clock of this machine is more than 15 minutes off that of AWS: switch on time synchronisation (chrony, timedatectl)',
  retryable: true,
  blame: 'environment',
});

const badKmsKey: Explain = ({ text }) => ({
  code: 'store.bad-kms-key',
  message: `the KMS key cannot be used (${text}): look at TOUCHLINE_STORE_KMS_KEY, and at the state and policy of the key`,
  retryable: false,
  blame: 'environment',
});

const full: Explain = () => ({
  code: 'store.full',
  message: 'it has no room left: make some, or raise its quota; work goes on by itself',
  retryable: true,
  blame: 'environment',
});

const exists: Explain = () => ({
  code: 'store.exists',
  message: 'an object is there already',
  retryable: false,
  blame: 'caller',
});

const badRange: Explain = () => ({
  code: 'store.bad-range',
  message: 'ask for bytes that are in the object',
  retryable: false,
  blame: 'caller',
});

const refused: Explain = ({ text }) => ({
  code: 'store.refused',
  message: `S3 does not take the request: ${text}`,
  retryable: false,
  blame: 'touchline',
});

const noRegion: Explain = () => ({
  code: 'store.wrong-region',
  message: 'no region is set: set AWS_REGION to that of the bucket',
  retryable: false,
  blame: 'environment',
});

const byName: Readonly<Record<string, Explain>> = {
  NoSuchKey: notFound,
  NoSuchBucket: wrongBucket,
  InvalidBucketName: wrongBucket,
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  InvalidRange: badRange,
  PreconditionFailed: exists,
  AccessDenied: forbidden,
  AllAccessDisabled: forbidden,
  InvalidAccessKeyId: badCredentials,
  SignatureDoesNotMatch: badCredentials,
  InvalidToken: badCredentials,
  CredentialsProviderError: badCredentials,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  RequestTimeTooSkewed: clockSkew,
  'KMS.DisabledException': badKmsKey,
  'KMS.NotFoundException': badKmsKey,
  'KMS.InvalidKeyUsageException': badKmsKey,
  'KMS.KMSInvalidStateException': badKmsKey,
  QuotaExceeded: full,
  XMinioStorageFull: full,
  BadDigest: damaged,
  XAmzContentChecksumMismatch: damaged,
  XAmzContentSHA256Mismatch: damaged,
  RequestTimeout: unavailable,
  IncompleteBody: unavailable,
  ConditionalRequestConflict: unavailable,
  OperationAborted: unavailable,
};

/** A HEAD is answered without a body, and some who speak S3 have names of their own. */
function byStatus(said: Said, call: S3Call): TouchlineErrorFields {
  const { status, text } = said;
  // Asked for by the SDK before anything is sent.
  if (status === undefined && text.startsWith('Region is missing')) return noRegion(said, call);
  const explain: Readonly<Record<number, Explain>> = {
    301: wrongRegion,
    307: unavailable,
    400: said.region ? wrongRegion : refused,
    401: badCredentials,
    403: forbidden,
    404: notFound,
    409: unavailable,
    412: exists,
    416: badRange,
    429: unavailable,
    507: full,
  };
  const known = status === undefined ? unavailable : explain[status];
  return (known ?? (status !== undefined && status >= 400 && status < 500 ? refused : unavailable))(
    said,
    call,
  );
}
