import { TouchlineError } from '../../core/errors.ts';

/**
 * What the SDK throws, as what we do about it. Auto Scaling has one code, `ValidationError`, for whatever it refuses; which
 * of our cases it is stands in its text alone.
 *
 * @param on the group or the machine
 */
export function asScalingError(thrown: unknown, action: string, on: string): TouchlineError {
  const { name = 'Error', message = String(thrown), $metadata } = thrown as SdkError;
  const status = $metadata?.httpStatusCode;
  const [firstLine = ''] = message.split('\n');
  const said = `autoscaling:${action} on ${on} failed (${name}: ${firstLine.slice(0, 400) || 'no reason'})`;
  const fault = (code: string, retryable: boolean, remedy: string): TouchlineError =>
    new TouchlineError({
      code: `scaling.${code}`,
      message: `${said}: ${remedy}`,
      retryable,
      blame: 'environment',
      cause: thrown,
    });
  if (/Throttl|RequestLimitExceeded|TooManyRequests/.test(name) || status === 429)
    return fault('throttled', true, 'it is asked again in the next round');
  if (/Credential|ExpiredToken|UnrecognizedClient|InvalidClientToken|SignatureDoesNotMatch/.test(name))
    return fault(
      'no-credentials',
      true,
      'check the AWS credentials of this process; the fleet stays as it is',
    );
  if (status === 403 || /AccessDenied|UnauthorizedOperation/.test(name))
    return fault(
      'denied',
      false,
      `give the role of this process autoscaling:${action} (docs/aws.md); the fleet stays as it is`,
    );
  if (/Region is missing/.test(message))
    return fault('no-region', false, 'set TOUCHLINE_SCALING_REGION or AWS_REGION');
  if (/name not found/i.test(message)) return missingGroup([on]);
  if (/Instance Id not found|No managed instance|not part of Auto Scaling/i.test(message))
    return fault('missing-machine', false, 'it is gone');
  if (/ScalingActivityInProgress|ResourceContention/.test(name))
    return fault('busy', true, 'it is asked again in the next round');
  if (name === 'ValidationError') return fault('refused', false, 'mend what the message names');
  return fault('unavailable', true, 'it is asked again in the next round');
}

/** @param region undefined when the SDK chose it */
export function missingGroup(names: readonly string[], region?: string): TouchlineError {
  const where = region === undefined ? 'in the region of AWS_REGION' : `in ${region}`;
  return new TouchlineError({
    code: 'scaling.missing-group',
    message: `there is no Auto Scaling group ${names.join(', ')} ${where}: create it, or mend TOUCHLINE_SCALING_POOLS or TOUCHLINE_SCALING_REGION.`,
    retryable: false,
    blame: 'environment',
  });
}

interface SdkError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}
