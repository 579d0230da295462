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

  /**
   * Takes or renews it; the first one there keeps it.
   *
   * @returns who has it, and the moments that they let go of by that: one person looks at one moment
   */
  take(momentId: string, by: Pick<Principal, 'id' | 'name'>): { holder: Claim['by']; freedIds: string[] } {
    const holder = this.holderOf(momentId);
    if (holder && holder.id !== by.id) return { holder, freedIds: [] };
    const freedIds = [...this.#claims].flatMap(([id, claim]) =>
      claim.by.id === by.id && id !== momentId ? [id] : [],
    );
    for (const id of freedIds) this.#claims.delete(id);
    if (this.#claims.size < claimsMax || this.#claims.has(momentId)) {
      const untilMs = this.#clock.monotonicMs() + claimMs;
      this.#claims.set(momentId, { by: { id: by.id, name: by.name }, untilMs });
    }
    return { holder: by, freedIds };
  }

  release(momentId: string, by: Pick<Principal, 'id'>): boolean {
    if (this.#claims.get(momentId)?.by.id !== by.id) return false;
    return this.#claims.delete(momentId);
  }

  /** Who looks at it now. */
  holderOf(momentId: string): Claim['by'] | undefined {
    const claim = this.#claims.get(momentId);
    return claim && claim.untilMs > this.#clock.monotonicMs() ? claim.by : undefined;
  }

  /** Lets go of what nobody renewed. @returns those moments, each once */
  endOver(): string[] {
    const nowMs = this.#clock.monotonicMs();
    const over = [...this.#claims].flatMap(([id, { untilMs }]) => (untilMs <= nowMs ? [id] : []));
    for (const id of over) this.#claims.delete(id);
    return over;
  }

  /** How long until one ends, unless it is renewed; undefined while there is none. */
  msToNextEnd(): number | undefined {
    if (this.#claims.size === 0) return undefined;
    const first = Math.min(...[...this.#claims.values()].map(({ untilMs }) => untilMs));
    return Math.max(0, first - this.#clock.monotonicMs());
  }
}
