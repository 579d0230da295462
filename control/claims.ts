import type { Clock } from '../core/clock.ts';
import type { Principal } from './principal.ts';

/** A page renews it every ten seconds; one that is closed or asleep lets go by itself. */
const claimMs = 30_000;
/** One for each editor at work; more are somebody playing. */
const claimsMax = 1_000;

interface Claim {
  by: Pick<Principal, 'id' | 'name'>;
  untilMs: number;
}

/**
 * Who looks at which moment now, so that two editors do not decide the same one. Soft: it keeps nobody from anything. Held in
 * memory: after a restart the pages say it again.
 */
export class Claims {
  readonly #clock: Clock;
  readonly #claims = new Map<string, Claim>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes or renews it; the first one there keeps it. @returns who has it */
  take(momentId: string, by: Pick<Principal, 'id' | 'name'>): { id: string; name: string } {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#claims.get(momentId);
    if (known && known.untilMs > nowMs && known.by.id !== by.id) return known.by;
    // One person looks at one moment.
    for (const [id, claim] of this.#claims) {
      if (claim.untilMs <= nowMs || (claim.by.id === by.id && id !== momentId)) this.#claims.delete(id);
    }
    if (this.#claims.size < claimsMax) {
      this.#claims.set(momentId, { by: { id: by.id, name: by.name }, untilMs: nowMs + claimMs });
    }
    return by;
  }

  release(momentId: string, by: Pick<Principal, 'id'>): boolean {
    if (this.#claims.get(momentId)?.by.id !== by.id) return false;
    return this.#claims.delete(momentId);
  }

  /** Who looks at it now. */
  holderOf(momentId: string): { id: string; name: string } | undefined {
    const claim = this.#claims.get(momentId);
    return claim && claim.untilMs > this.#clock.monotonicMs() ? claim.by : undefined;
  }
}
