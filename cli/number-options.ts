import { InvalidArgumentError } from 'commander';

/** A share of one as an option: 0 to 1. */
export function unitNumber(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('must be a number from 0 to 1');
}

/** A number as an option: whole, and within bounds that the message names. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
  };
}
