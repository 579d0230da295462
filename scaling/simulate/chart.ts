import type { Day, Sample, Scenario } from './simulate.ts';

const width = 1000;
const left = 56;
const right = 24;
const headHeight = 64;
const rowHeight = 170;
const fleetHeight = 84;
const backlogHeight = 40;
/** Decades of waiting segments that are drawn: 1 to 10,000. */
const decades = 4;

const colours = { paid: '#c9d8ee', working: '#2458a6', load: '#d9480f', backlog: '#a61e4d', grid: '#e4e6ea' };

/** A picture of the day: for each scaler its machines beside the load, and what waited, on common scales. Plain SVG, nothing to load. */
export function drawDays(days: readonly Day[], scenario: Scenario): string {
  const { trace, bootSecondsMedian, sloSeconds } = scenario;
  const height = headHeight + days.length * rowHeight + 30;
  const x = (atMs: number): number =>
    left + ((atMs - trace.startMs) / (trace.endMs - trace.startMs)) * (width - left - right);
  const countMax = Math.max(
    4,
    ...days.flatMap(({ samples }) => samples.map(({ presentCount }) => presentCount)),
  );
  const rows = days.map((day, index) =>
    drawRow(day, {
      top: headHeight + index * rowHeight,
      x,
      countMax,
      trace,
      workPerSecond: workOf(scenario),
    }),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#20242a">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(
      left,
      24,
      `${trace.name}: boot ${bootSecondsMedian} s, SLO ${sloSeconds} s, seed ${scenario.seed}`,
      'font-size="16" font-weight="600"',
    ),
    ...legend(),
    ...rows.flat(),
    ...hoursOf(trace).map((atMs) =>
      text(
        x(atMs),
        height - 12,
        new Date(atMs).toISOString().slice(11, 16),
        'text-anchor="middle" fill="#5b6470"',
      ),
    ),
    '</svg>',
    '',
  ].join('\n');
}

interface RowFrame {
  top: number;
  x: (atMs: number) => number;
  countMax: number;
  trace: Scenario['trace'];
  workPerSecond: number;
}

function drawRow({ outcome, samples }: Day, { top, x, countMax, trace, workPerSecond }: RowFrame): string[] {
  const fleetBottom = top + 24 + fleetHeight;
  const backlogBottom = fleetBottom + 10 + backlogHeight;
  const yFleet = (count: number): number => fleetBottom - (count / countMax) * fleetHeight;
  const yBacklog = (count: number): number =>
    backlogBottom - Math.min(1, Math.log10(1 + count) / decades) * backlogHeight;
  const { gpuHours, missedShare, waitSecondsP99 } = outcome;
  const summary = `${gpuHours.toFixed(1)} GPU-hours, ${(100 * missedShare).toFixed(2)} % late, p99 ${waitSecondsP99.toFixed(0)} s`;
  const line = (values: (sample: Sample) => number, y: (value: number) => number): string =>
    steps(samples.map((sample) => [x(sample.atMs), y(values(sample))]));
  return [
    text(left, top + 14, outcome.name, 'font-weight="600"'),
    text(width - right, top + 14, summary, 'text-anchor="end" fill="#5b6470"'),
    ...hoursOf(trace).map((atMs) => rule(x(atMs), fleetBottom - fleetHeight, x(atMs), backlogBottom)),
    rule(left, fleetBottom, width - right, fleetBottom),
    rule(left, backlogBottom, width - right, backlogBottom),
    axisLabel(yFleet(countMax) + 4, String(countMax)),
    axisLabel(fleetBottom + 4, '0'),
    axisLabel(backlogBottom - backlogHeight + 6, '10k'),
    axisLabel(yBacklog(100) + 4, '100'),
    `<path d="${line(({ presentCount }) => presentCount, yFleet)} V${fleetBottom} H${left} Z" fill="${colours.paid}"/>`,
    `<path d="${line(({ workingCount }) => workingCount, yFleet)}" fill="none" stroke="${colours.working}" stroke-width="1.5"/>`,
    `<path d="${line(({ liveCount }) => liveCount * workPerSecond, yFleet)}" fill="none" stroke="${colours.load}" stroke-width="1.2" stroke-dasharray="4 2"/>`,
    `<path d="${line(({ waitingCount }) => waitingCount, yBacklog)} V${backlogBottom} H${left} Z" fill="${colours.backlog}" fill-opacity="0.75"/>`,
  ];
}

function legend(): string[] {
  const entries: [string, string][] = [
    [colours.paid, 'machines paid for'],
    [colours.working, 'machines that work'],
    [colours.load, 'load, in machines'],
    [colours.backlog, 'segments waiting (logarithmic)'],
  ];
  return entries.flatMap(([colour, label], index) => [
    `<rect x="${left + index * 220}" y="38" width="12" height="12" fill="${colour}"/>`,
    text(left + index * 220 + 18, 48, label),
  ]);
}

/** Machines that one live channel keeps busy. */
function workOf({ model, pools }: Scenario): number {
  return model.workSecondsMean / model.segmentSeconds / (pools[0]?.power ?? 1);
}

/** A value holds until it changes. */
function steps(points: readonly (readonly [number, number])[]): string {
  const path: string[] = [];
  let last: string | undefined;
  for (const [x, y] of points) {
    const height = fixed(y);
    if (last === undefined) path.push(`M${left} ${height}`);
    else if (height !== last) path.push(`H${fixed(x)} V${height}`);
    last = height;
  }
  return [...path, `H${width - right}`].join(' ');
}

function hoursOf({ startMs, endMs }: Scenario['trace']): number[] {
  const hourMs = 3_600_000;
  const first = Math.ceil(startMs / hourMs) * hourMs;
  return Array.from(
    { length: Math.floor((endMs - first) / hourMs) + 1 },
    (_, index) => first + index * hourMs,
  );
}

function axisLabel(y: number, label: string): string {
  return text(left - 8, y, label, 'text-anchor="end" fill="#5b6470"');
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" stroke="${colours.grid}"/>`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${escaped}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
