import type { TimelineDesk } from '../../control/timeline-desk.ts';

/** A desk of a test that does not look at timelines: whatever is asked of it is refused by name. */
export function noTimeline(given: Partial<TimelineDesk> = {}): TimelineDesk {
  return new Proxy(given as TimelineDesk, {
    get: (desk, name) =>
      Reflect.get(desk, name) ??
      (() => Promise.reject(new Error(`this test has no timeline desk (${String(name)})`))),
  });
}
