/** What `touchline channel create` takes about the feed; which of it a type needs, the server says. */
export interface InputOptions {
  input?: string;
  allow?: string[];
  url?: string[];
  caller?: string[];
  flow?: string[];
  standard?: true;
  latency?: string;
  streamId?: string;
  passphrase?: string;
}

export const inputTypes = [
  'rtmp-push',
  'rtp-push',
  'srt-listener',
  'srt-caller',
  'url-pull',
  'mediaconnect',
  'mp4-file',
] as const;

/** The options as the input of a wish: only what was given. */
export function inputOf(options: InputOptions): Record<string, unknown> | undefined {
  const input = {
    type: options.input,
    cidrs: options.allow,
    urls: options.url,
    callers: options.caller?.map(callerOf),
    flowArns: options.flow,
    isStandard: options.standard,
    latencyMs: options.latency === undefined ? undefined : Number(options.latency),
    streamId: options.streamId,
    passphraseArn: options.passphrase,
  };
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** `host:port`; the server refuses what is none. */
function callerOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, Math.max(0, colon)), port: Number(text.slice(colon + 1)) };
}
