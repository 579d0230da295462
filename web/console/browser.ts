/** The browser's clock and randomness, in one place as on the server. */
export function nowMs(): number {
  return Date.now();
}

/** For keys that must not repeat: 122 random bits. `crypto.randomUUID` is missing on plain http that is not localhost. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
