import { TouchlineError } from '../../core/errors.ts';
import type { RefusalStatus } from './session.ts';

/** Why a key was not let in: what the encoder is told, which is also what the log says. */
export interface Refusal {
  kind: 'refused';
  status: RefusalStatus;
  error: TouchlineError;
}

export function wrongKey(): Refusal {
  return refusal('NetStream.Publish.Unauthorized', {
    code: 'ingest.key-refused',
    message: 'the publishing key opens no channel: copy it again, or make a new one',
    retryable: false,
    blame: 'input',
  });
}

export function tooManyFailures(waitMs: number): Refusal {
  const seconds = Math.ceil(waitMs / 1000);
  return refusal('NetStream.Publish.Unauthorized', {
    code: 'ingest.too-many-failures',
    message: `too many wrong keys came from this address: wait ${seconds} s, then try with the right one`,
    retryable: true,
    blame: 'input',
  });
}

export function cannotCheck(cause: unknown): Refusal {
  return refusal('NetStream.Publish.Failed', {
    code: 'ingest.authentication-failed',
    message: 'the publishing key cannot be checked now: try again in a few seconds',
    retryable: true,
    blame: 'touchline',
    cause,
  });
}

export function duplicateEncoder(): Refusal {
  return refusal('NetStream.Publish.BadName', {
    code: 'ingest.duplicate-encoder',
    message: 'another encoder publishes with this key: stop one of the two, or give each its own channel',
    retryable: true,
    blame: 'input',
  });
}

export function authenticationLate(): Refusal {
  return refusal('NetStream.Publish.Failed', {
    code: 'ingest.authentication-late',
    message: 'the publishing key could not be checked in time: try again in a few seconds',
    retryable: true,
    blame: 'touchline',
  });
}

function refusal(
  code: Refusal['status']['code'],
  error: ConstructorParameters<typeof TouchlineError>[0],
): Refusal {
  return { kind: 'refused', status: { code, description: error.message }, error: new TouchlineError(error) };
}
