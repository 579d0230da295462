import { TouchlineError } from '../core/errors.ts';

/** Where every EC2 instance finds it; link-local, so that nobody else can answer. */
const defaultEndpoint = 'http://169.254.169.254';
/** It answers from the host itself: what takes longer is not there. */
const callMsMax = 2_000;
/** The longest that it grants. */
const tokenSeconds = 21_600;

/**
 * The instance metadata service of EC2, version 2: a session token first, then what this machine is told about itself.
 * Source: EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".
 */
export class InstanceMetadata {
  readonly #endpoint: string;
  #token: string | undefined;

  constructor(endpoint: string = defaultEndpoint) {
    this.#endpoint = endpoint.replace(/\/+$/, '');
  }

  /** The text at `/latest/meta-data/<path>`; undefined when there is none now. @throws TouchlineError `worker.no-metadata` */
  async read(path: string): Promise<string | undefined> {
    const url = `${this.#endpoint}/latest/meta-data/${path}`;
    for (let tries = 1; ; tries += 1) {
      this.#token ??= await this.#newToken();
      const answer = await this.#fetch(url, { headers: { 'x-aws-ec2-metadata-token': this.#token } });
      if (answer.status === 200) return await answer.text();
      await answer.body?.cancel();
      if (answer.status === 404) return undefined;
      // It has run out, or the host has moved.
      if (answer.status === 401 && tries === 1) this.#token = undefined;
      else throw this.#fault(`${url} answered ${answer.status}`);
    }
  }

  async instanceId(): Promise<string> {
    return (await this.read('instance-id')) ?? '';
  }

  async #newToken(): Promise<string> {
    const url = `${this.#endpoint}/latest/api/token`;
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(tokenSeconds) };
    const answer = await this.#fetch(url, { method: 'PUT', headers });
    const text = await answer.text();
    if (answer.status !== 200) throw this.#fault(`${url} answered ${answer.status}`);
    return text;
  }

  async #fetch(url: string, options: RequestInit): Promise<Response> {
    try {
      return await fetch(url, { ...options, signal: AbortSignal.timeout(callMsMax) });
    } catch (cause) {
      throw this.#fault(`${url} does not answer`, cause);
    }
  }

  #fault(what: string, cause?: unknown): TouchlineError {
    return new TouchlineError({
      code: 'worker.no-metadata',
      message: `${what}: TOUCHLINE_INSTANCE_ID=ec2 is for EC2 instances whose metadata service is on (HttpEndpoint enabled, and a hop limit of 2 in a container); elsewhere give the instance a name`,
      retryable: true,
      blame: 'environment',
      cause,
    });
  }
}
