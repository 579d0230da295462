import { TouchlineError } from '../../core/errors.ts';

/** The peer broke RTMP (Adobe's specification 1.0, the § in our comments). `what` never holds bytes that the peer chose freely. */
export function rtmpProtocolError(what: string): TouchlineError {
  return new TouchlineError({
    code: 'ingest.rtmp-protocol',
    message: `${what}. The connection is closed: connect again, with an RTMP encoder`,
    retryable: false,
    blame: 'input',
  });
}
