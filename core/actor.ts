/**
 * Who did something, as it is written down beside what was done. The id is what counts: names change, and are taken by others; this one
 * is what they were called then.
 */
export interface Actor {
  /** A person who was signed in, a program with a token, or whoever holds the token of the server itself. */
  kind: 'user' | 'token' | 'server';
  /** Of the user, or of the token; `server`. */
  id: string;
  /** For people. Typed by somebody, so it is shown as text. */
  name: string;
}
