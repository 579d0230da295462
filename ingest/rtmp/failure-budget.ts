import { isIPv6 } from 'node:net';

/**
 * How often an address may be wrong about its key: 20 times in a minute, then every try is refused unseen until the
 * oldest failure is a minute old. A try is charged when it begins, so that a thousand at once are no way around.
 */
export class FailureBudget {
  readonly #failures = new Map<string, number[]>();

  /** @returns how long to wait, 0 when the try may go on */
  charge(address: string, nowMs: number): number {
    const network = networkOf(address);
    const recent = (this.#failures.get(network) ?? []).filter((atMs) => nowMs - atMs < windowMs);
    const [oldest = nowMs] = recent;
    const waitMs = recent.length >= failureCountMax ? oldest + windowMs - nowMs : 0;
    if (waitMs === 0) recent.push(nowMs);
    // To the end of the map: the first is then the one unseen for longest.
    this.#failures.delete(network);
    this.#failures.set(network, recent);
    if (this.#failures.size > networkCountMax) this.#forgetFirst();
    return waitMs;
  }

  /** The try that was charged at `chargedAtMs` was right after all. */
  refund(address: string, chargedAtMs: number): void {
    const failures = this.#failures.get(networkOf(address)) ?? [];
    const index = failures.lastIndexOf(chargedAtMs);
    if (index >= 0) failures.splice(index, 1);
  }

  #forgetFirst(): void {
    for (const network of this.#failures.keys()) {
      this.#failures.delete(network);
      return;
    }
  }
}

const failureCountMax = 20;
const windowMs = 60_000;

/** 20 numbers each: 2 MB. */
const networkCountMax = 10_000;

/** An IPv6 customer has 2^64 addresses: the network counts. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('%', 1)[0]?.split('::') ?? [];
  const front = head.split(':').filter(Boolean);
  const back = tail.split(':').filter(Boolean);
  const zeros = address.includes('::')
    ? Array.from({ length: 8 - front.length - back.length }, () => '0')
    : [];
  return [...front, ...zeros, ...back].slice(0, 4).join(':');
}
