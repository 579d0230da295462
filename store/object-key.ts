import { TouchlineError } from '../core/errors.ts';

const keyCharsMax = 512;
/** What the usual file systems give one name (NAME_MAX). */
const partCharsMax = 255;

/** The rule of `object-store.ts`, the same for every engine. @throws TouchlineError `store.bad-key` */
export function checkKey(key: string): void {
  if (key.length > keyCharsMax) throw badKey(key.slice(0, 80), `it has ${key.length} characters`);
  const wrong = key.split('/').find((part) => !isPart(part));
  if (wrong !== undefined) throw badKey(key, `"${wrong.slice(0, 80)}" cannot be a part of it`);
}

/** For names that others gave. */
export function isKey(name: string): boolean {
  return name.length <= keyCharsMax && name.split('/').every(isPart);
}

function isPart(part: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..' && part.length <= partCharsMax;
}

export function badKey(key: string, why: string): TouchlineError {
  return new TouchlineError({
    code: 'store.bad-key',
    message: `${JSON.stringify(key)} cannot be a key: ${why}. Keys are parts of [A-Za-z0-9._-], joined by "/".`,
    retryable: false,
    blame: 'touchline',
  });
}
