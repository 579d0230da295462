/** What becomes of a connection whose key was accepted. */
export type Claim =
  /** `replaces` is to be closed first. */
  | { kind: 'accepted'; replaces: string | undefined }
  /** Two encoders drive each other out: the one that is there stays. */
  | { kind: 'refused'; holder: string };

/**
 * Who publishes on which channel. The newest connection wins, at once: an encoder that lost its network comes back while
 * its old connection still looks alive to us. Two live encoders with one key would take turns for ever, so after
 * `takeoverCountMax` takeovers within `takeoverWindowMs` newcomers are refused until the window has passed.
 */
export class Publishers {
  readonly #channels = new Map<string, Channel>();

  /** @param holderIsSilent true when the one to be replaced sends nothing: driving that out is no fight and counts for none */
  claim(
    channelId: string,
    claimant: { sessionId: string; nowMs: number; holderIsSilent: (sessionId: string) => boolean },
  ): Claim {
    const { sessionId, nowMs, holderIsSilent } = claimant;
    this.#forgetOld(nowMs);
    const channel = this.#channels.get(channelId) ?? { holder: undefined, takeoversAtMs: [] };
    this.#channels.set(channelId, channel);
    const { holder } = channel;
    if (holder !== undefined && !holderIsSilent(holder)) {
      if (channel.takeoversAtMs.length >= takeoverCountMax) return { kind: 'refused', holder };
      channel.takeoversAtMs.push(nowMs);
    }
    channel.holder = sessionId;
    return { kind: 'accepted', replaces: holder };
  }

  /** The session has ended. One that was replaced releases nothing. */
  release(channelId: string, sessionId: string): void {
    const channel = this.#channels.get(channelId);
    if (channel?.holder === sessionId) channel.holder = undefined;
  }

  #forgetOld(nowMs: number): void {
    for (const [channelId, channel] of this.#channels) {
      channel.takeoversAtMs = channel.takeoversAtMs.filter((atMs) => nowMs - atMs < takeoverWindowMs);
      if (channel.holder === undefined && channel.takeoversAtMs.length === 0)
        this.#channels.delete(channelId);
    }
  }
}

interface Channel {
  holder: string | undefined;
  /** Takeovers of a live publisher within the window, oldest first. */
  takeoversAtMs: number[];
}

/** An encoder whose network flaps comes back every ten seconds or so; two encoders meet every one to five. */
const takeoverCountMax = 3;
const takeoverWindowMs = 30_000;
