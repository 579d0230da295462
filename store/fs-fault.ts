import { TouchlineError, type TouchlineErrorFields } from '../core/errors.ts';

/** What the file system said, in our words. What is ours already passes through. */
export function storeFault(thrown: unknown, what: string): TouchlineError {
  if (thrown instanceof TouchlineError) return thrown;
  const error = thrown as NodeJS.ErrnoException;
  const fields = faults[error.code ?? ''] ?? unavailable;
  return new TouchlineError({
    ...fields,
    message: `${what}: ${error.message}. ${fields.message}`,
    cause: thrown,
  });
}

const unavailable: TouchlineErrorFields = {
  code: 'store.unavailable',
  message: 'Check the disk and the rights on the folder of TOUCHLINE_STORE.',
  retryable: true,
  blame: 'environment',
};

const full: TouchlineErrorFields = {
  code: 'store.full',
  message: 'The disk is full: free some space; work goes on by itself.',
  retryable: true,
  blame: 'environment',
};

const notFound: TouchlineErrorFields = {
  code: 'store.not-found',
  message: 'There is no such object.',
  retryable: false,
  blame: 'caller',
};

const badKey: TouchlineErrorFields = {
  code: 'store.bad-key',
  message: 'Something else lies where this object or one of its folders would lie.',
  retryable: false,
  blame: 'touchline',
};

const faults: Readonly<Record<string, TouchlineErrorFields>> = {
  ENOSPC: full,
  EDQUOT: full,
  ENOENT: notFound,
  // `a` is an object, so there is no `a/b`. For a writer the same is `bad-key`: see EEXIST.
  ENOTDIR: notFound,
  EISDIR: badKey,
  EEXIST: badKey,
  ELOOP: badKey,
  ENAMETOOLONG: badKey,
  ERANGE: {
    code: 'store.bad-range',
    message: 'Ask for bytes that are in the object.',
    retryable: false,
    blame: 'caller',
  },
};
