import { describe, expect, it } from 'vitest';

import { Publishers, type Claim } from '../../../ingest/rtmp/publishers.ts';

describe('Publishers', () => {
  it('gives a free channel to whoever comes', () => {
    expect(claim(new Publishers(), 'a', 0)).toEqual({ kind: 'accepted', replaces: undefined });
  });

  it('gives a taken channel to the newcomer, at once', () => {
    const publishers = new Publishers();
    claim(publishers, 'a', 0);
    expect(claim(publishers, 'b', 1)).toEqual({ kind: 'accepted', replaces: 'a' });
  });

  it('keeps channels apart', () => {
    const publishers = new Publishers();
    claim(publishers, 'a', 0);
    expect(claim(publishers, 'b', 1, { channelId: 'ch_2' })).toEqual({
      kind: 'accepted',
      replaces: undefined,
    });
  });

  it('counts no takeover when the one before has left', () => {
    const publishers = new Publishers();
    for (const id of 'abcdefgh') {
      expect(claim(publishers, id, 0)).toEqual({ kind: 'accepted', replaces: undefined });
      publishers.release('ch_1', id);
    }
  });

  it('lets nobody release what was taken over', () => {
    const publishers = new Publishers();
    claim(publishers, 'a', 0);
    claim(publishers, 'b', 1);
    publishers.release('ch_1', 'a');
    expect(claim(publishers, 'c', 2)).toEqual({ kind: 'accepted', replaces: 'b' });
  });

  it('refuses the newcomer of the fourth takeover within 30 s, and the one that is there stays', () => {
    const publishers = new Publishers();
    claim(publishers, 'a', 0);
    claim(publishers, 'b', 0);
    claim(publishers, 'c', 10_000);
    expect(claim(publishers, 'd', 20_000)).toEqual({ kind: 'accepted', replaces: 'c' });
    expect(claim(publishers, 'e', 29_999)).toEqual({ kind: 'refused', holder: 'd' });
    // The first of the three is 30 s old now.
    expect(claim(publishers, 'f', 30_000)).toEqual({ kind: 'accepted', replaces: 'd' });
    expect(claim(publishers, 'g', 30_001)).toEqual({ kind: 'refused', holder: 'f' });
  });

  it('never refuses an encoder because of its own dead connections', () => {
    const publishers = new Publishers();
    for (const id of 'abcdefgh') {
      expect(claim(publishers, id, 0, { holderIsSilent: true })).toMatchObject({ kind: 'accepted' });
    }
  });

  it('lets a newcomer in after a fight when the one that stayed falls silent', () => {
    const publishers = new Publishers();
    for (const id of 'abcd') claim(publishers, id, 0);
    expect(claim(publishers, 'e', 1)).toMatchObject({ kind: 'refused' });
    expect(claim(publishers, 'e', 2, { holderIsSilent: true })).toEqual({ kind: 'accepted', replaces: 'd' });
  });
});

function claim(
  publishers: Publishers,
  sessionId: string,
  nowMs: number,
  about: { channelId?: string; holderIsSilent?: boolean } = {},
): Claim {
  return publishers.claim(about.channelId ?? 'ch_1', {
    sessionId,
    nowMs,
    holderIsSilent: () => about.holderIsSilent ?? false,
  });
}
