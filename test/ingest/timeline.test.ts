import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { MediaPacket } from '../../ingest/media-packet.ts';
import { Timeline, type Arrival, type TimedPacket } from '../../ingest/timeline.ts';
import { feed, picture, sound } from './made-media.ts';

const wallMs = 1_800_000_000_000;

/** Packets that arrive at the pace of their own times, `atMs` after the test began. */
function placeAll(timeline: Timeline, packets: readonly MediaPacket[], atMs = 0): TimedPacket[] {
  let first: number | undefined;
  return packets.flatMap((packet) => {
    const time =
      packet.kind === 'video' ? packet.dts90k : packet.kind === 'audio' ? packet.pts90k : undefined;
    first ??= time;
    return timeline.place(packet, at(atMs + Math.max(0, (time ?? first ?? 0) - (first ?? 0)) / 90));
  });
}
function at(ms: number): Arrival {
  return { monotonicMs: 5000 + ms, wallMs: wallMs + ms };
}
function pictures(placed: readonly TimedPacket[]): Extract<TimedPacket, { kind: 'video' }>[] {
  return placed.filter((packet) => packet.kind === 'video');
}
function sounds(placed: readonly TimedPacket[]): number[] {
  return placed.filter((packet) => packet.kind === 'audio').map((packet) => packet.pts90k);
}
function breaks(placed: readonly TimedPacket[]): string[] {
  return placed.filter((packet) => packet.kind === 'discontinuity').map((packet) => packet.reason);
}

describe('the first session of a run', () => {
  it.each([0, 1, 123_456_789, 2 ** 33 - 90_000, 2 ** 32 * 90 - 90_000])(
    'starts at run time 0, wherever the publisher starts (%d)',
    (from90k) => {
      const placed = placeAll(new Timeline(), feed({ seconds: 3, from90k }));
      expect(pictures(placed).map((packet) => packet.pts90k)).toEqual(
        Array.from({ length: 75 }, (_, index) => index * 3600),
      );
      expect(sounds(placed)[0]).toBe(0);
      expect(breaks(placed)).toEqual(['session']);
    },
  );

  it('with B-frames has its first picture at 0 and keeps every reorder delay', () => {
    const placed = pictures(
      placeAll(new Timeline(), feed({ seconds: 2, hasBFrames: true, from90k: 90_000 })),
    );
    expect(placed.slice(0, 4).map(({ dts90k, pts90k }) => [dts90k, pts90k])).toEqual([
      [-3600, 0],
      [0, 10_800],
      [3600, 3600],
      [7200, 7200],
    ]);
    expect(placed).toHaveLength(50);
  });

  it('drops and counts pictures before its first keyframe, and sound that ends before it', () => {
    const timeline = new Timeline();
    const placed = placeAll(timeline, [
      picture({ dts90k: 0 }),
      sound(0),
      sound(1920),
      picture({ dts90k: 3600 }),
      sound(3840),
      picture({ dts90k: 7200, isKeyframe: true }),
      sound(7680),
    ]);
    expect(timeline.counts.droppedPictureCount).toBe(2);
    expect(pictures(placed).map((packet) => packet.pts90k)).toEqual([0]);
    expect(sounds(placed)).toEqual([3840 - 7200, 7680 - 7200]);
  });
});

describe('a DTS that does not ascend', () => {
  it.each([
    ['is repeated', 3600 * 2, 3600 * 2 + 1],
    ['goes back by 1 ms', 3600 * 2 - 90, 3600 * 2 + 1],
  ])('%s moves to one tick later', (_what, dts90k, expected) => {
    const timeline = new Timeline();
    const placed = pictures(
      placeAll(timeline, [
        picture({ dts90k: 0, isKeyframe: true }),
        picture({ dts90k: 3600 }),
        picture({ dts90k: 7200 }),
        picture({ dts90k, bytes: 33 }),
        picture({ dts90k: 14_400 }),
      ]),
    );
    expect(placed.map((packet) => packet.dts90k)).toEqual([0, 3600, 7200, expected, 14_400]);
    expect(timeline.counts.dtsRepairCount).toBe(1);
  });

  it('behind its PTS pulls decoding down and leaves the pictures where they are', () => {
    const timeline = new Timeline();
    // Every DTS two pictures late: what an encoder does that counts its delay the wrong way.
    const wrong = feed({ seconds: 2, hasBFrames: true, hasSound: false }).map((packet) =>
      packet.kind === 'video' ? { ...packet, dts90k: packet.dts90k + 7200 } : packet,
    );
    const placed = pictures(placeAll(timeline, wrong));
    const asked = wrong.filter((packet) => packet.kind === 'video').map((packet) => packet.pts90k);
    expect(
      Math.max(...placed.map((packet, index) => Math.abs(packet.pts90k - (asked[index] ?? 0)))),
    ).toBeLessThan(2);
    expect(placed.every((packet) => packet.dts90k <= packet.pts90k)).toBe(true);
  });
});

describe('a jump of the publisher\u2019s clock', () => {
  it.each([
    ['3 s forward is a hole, not a jump', 270_000, []],
    ['a tick more is a new epoch', 270_001, ['forward-jump']],
    ['an hour forward is a new epoch', 3600 * 90_000, ['forward-jump']],
    ['100 ms back is jitter', -9000, []],
    ['a tick more is a new epoch', -9001, ['backward-jump']],
    ['a day back is a new epoch', -24 * 3600 * 90_000, ['backward-jump']],
  ])('%s', (_what, distance90k, expected) => {
    const before = feed({ seconds: 2, from90k: 10_000_000, hasSound: false });
    const last = 10_000_000 + 49 * 3600;
    const timeline = new Timeline();
    const placed = [...placeAll(timeline, before)];
    const after = [0, 1, 2, 3].map((index) =>
      picture({ dts90k: last + distance90k + index * 3600, bytes: 40 }),
    );
    for (const [index, packet] of after.entries())
      placed.push(...timeline.place(packet, at(2000 + index * 40)));
    expect(breaks(placed).slice(1)).toEqual(expected);
    const dts = pictures(placed).map((packet) => packet.dts90k);
    expect(dts.every((value, index) => index === 0 || value > (dts[index - 1] ?? 0))).toBe(true);
    // Never an hour: what was not there on the wall clock is not there in the run.
    expect((dts.at(-1) ?? 0) - (dts[49] ?? 0)).toBeLessThan(300_000);
    expect(pictures(placed)).toHaveLength(54);
  });

  it('takes the sound along, whichever of the two comes first', () => {
    for (const soundLeads of [true, false]) {
      const timeline = new Timeline();
      const placed = placeAll(timeline, feed({ seconds: 2 }));
      const jump = 7_200_000_000;
      const later = feed({ seconds: 1, from90k: jump }).filter((packet) => !packet.kind.endsWith('config'));
      const ordered = soundLeads
        ? [...later.filter((packet) => packet.kind === 'audio').slice(0, 3), ...later.slice(1)]
        : later;
      ordered.forEach((packet, index) => placed.push(...timeline.place(packet, at(2000 + index * 10))));
      expect(breaks(placed)).toEqual(['session', 'forward-jump']);
      const after = placed.slice(placed.findLastIndex((packet) => packet.kind === 'discontinuity'));
      expect(Math.abs((sounds(after)[0] ?? 0) - (pictures(after)[0]?.pts90k ?? 0))).toBeLessThan(5000);
      expect(timeline.counts.soundRebaseCount).toBe(0);
    }
  });

  it('of the sound alone is laid beside the pictures, once, without a new epoch', () => {
    const timeline = new Timeline();
    const placed: TimedPacket[] = [];
    for (const packet of feed({ seconds: 10 })) {
      const moved =
        packet.kind === 'audio' && packet.pts90k > 180_000
          ? { ...packet, pts90k: packet.pts90k + 9e9 }
          : packet;
      placed.push(...timeline.place(moved, at(0)));
    }
    expect(breaks(placed)).toEqual(['session']);
    expect(timeline.counts.soundRebaseCount).toBe(1);
    expect(Math.abs((sounds(placed).at(-1) ?? 0) - 900_000)).toBeLessThan(20_000);
  });

  it('that is a buffered GOP sent again is dropped, and the line goes on', () => {
    const timeline = new Timeline();
    const packets = feed({ seconds: 4 });
    const half = packets.findIndex((packet) => packet.kind === 'video' && packet.dts90k === 180_000);
    const again = packets.slice(half).filter((packet) => packet.kind !== 'video' || packet.dts90k < 270_000);
    const sentTwice = [...packets.slice(0, half), ...again.slice(0, 70), ...packets.slice(half)];
    const placed = placeAll(timeline, sentTwice);
    const once = placeAll(new Timeline(), packets);
    expect(placed).toEqual(once);
    expect(timeline.counts.replayedPacketCount).toBe(70);
  });
});

describe('clocks of sound and pictures that differ', () => {
  it('are brought together at the first pair, and it is counted', () => {
    const timeline = new Timeline();
    const apart = feed({ seconds: 3 }).map((packet) =>
      packet.kind === 'video'
        ? { ...packet, dts90k: packet.dts90k + 324_000_000, pts90k: packet.pts90k + 324_000_000 }
        : packet,
    );
    const placed = apart.flatMap((packet) => timeline.place(packet, at(0)));
    expect(timeline.counts.soundRebaseCount).toBe(1);
    expect(Math.abs(sounds(placed)[0] ?? 1e9)).toBeLessThan(5000);
    expect((sounds(placed).at(-1) ?? 0) - (pictures(placed).at(-1)?.pts90k ?? 0)).toBeLessThan(5000);
    expect(breaks(placed)).toEqual(['session']);
  });

  it('are left alone when the sound only starts late', () => {
    const timeline = new Timeline();
    const late = feed({ seconds: 20 }).filter((packet) => packet.kind !== 'audio' || packet.pts90k > 900_000);
    const placed = placeAll(timeline, late);
    expect(timeline.counts.soundRebaseCount).toBe(0);
    expect(sounds(placed)[0]).toBe(1920 * 469);
  });
});

describe('a session that comes back', () => {
  it.each([3000, 60_000, 600_000])('after %d ms is placed where the wall clock says', (goneMs) => {
    const timeline = new Timeline();
    const before = placeAll(timeline, feed({ seconds: 4, from90k: 1_000_000 }));
    const lastPts = pictures(before).at(-1)?.pts90k ?? 0;
    timeline.startSession();
    const after = placeAll(timeline, feed({ seconds: 1 }), 4000 - 40 + goneMs);
    expect(pictures(after)[0]?.pts90k).toBe(lastPts + goneMs * 90);
    expect(breaks(after)).toEqual(['session']);
  });

  it('at once, with media older by its own clock, follows the last picture', () => {
    const timeline = new Timeline();
    const before = placeAll(timeline, feed({ seconds: 4, from90k: 90_000_000 }));
    timeline.startSession();
    const after = placeAll(timeline, feed({ seconds: 1, from90k: 89_900_000 }), 3960);
    expect(pictures(after)[0]?.pts90k).toBe((pictures(before).at(-1)?.pts90k ?? 0) + 3600);
  });

  it('is not moved by a step of the host\u2019s clock; the new wall anchor is', () => {
    const timeline = new Timeline();
    placeAll(timeline, feed({ seconds: 1 }));
    timeline.startSession();
    const [first] = timeline.place(picture({ dts90k: 0, isKeyframe: true }), {
      monotonicMs: 5000 + 2960,
      wallMs: wallMs + 2960 - 3_600_000,
    });
    expect(first).toEqual({
      kind: 'discontinuity',
      reason: 'session',
      anchor: { run90k: (960 + 2000) * 90, wallMs: wallMs + 2960 - 3_600_000 },
    });
  });
});

it('whatever a publisher sends, decode times ascend, no picture is shown before it is decoded, none is lost', () => {
  const step = fc.record({
    dts: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 9000 }) },
      fc.integer({ min: -400_000, max: 400_000 }),
      fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    ),
    cts: fc.oneof(fc.constant(0), fc.integer({ min: -20_000, max: 20_000 })),
    isSound: fc.boolean(),
    ms: fc.integer({ min: 0, max: 5000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const timeline = new Timeline();
      let dts90k = 1000;
      let ms = 0;
      const placed = timeline.place(picture({ dts90k, isKeyframe: true }), at(0));
      let sent = 1;
      for (const [index, next] of steps.entries()) {
        dts90k += next.dts;
        ms += next.ms;
        if (next.isSound) placed.push(...timeline.place(sound(dts90k, 8 + index), at(ms)));
        else {
          sent += 1;
          placed.push(
            ...timeline.place(picture({ dts90k, pts90k: dts90k + next.cts, bytes: 10 + index }), at(ms)),
          );
        }
      }
      const shown = pictures(placed);
      expect(shown).toHaveLength(sent);
      expect(
        shown.every((packet, index) => index === 0 || packet.dts90k > (shown[index - 1]?.dts90k ?? 0)),
      ).toBe(true);
      expect(shown.every((packet) => packet.pts90k >= packet.dts90k)).toBe(true);
      const heard = sounds(placed);
      expect(heard.every((pts, index) => index === 0 || pts > (heard[index - 1] ?? 0))).toBe(true);
      expect(Number.isSafeInteger(shown.at(-1)?.pts90k)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
