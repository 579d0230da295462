import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import type { OperationsView } from '../../../api/schemas/operations.ts';
import { timeOfDay } from '../../words.ts';

type History = OperationsView['history'];

/** The last hour: what was finished and how long it had waited, and how many workers were wanted. */
export function Charts({ history }: { history: History }) {
  const times = history.atMs.map((atMs) => atMs / 1000);
  const waitS = history.waitP95Ms.map((ms) => (ms === null ? null : ms / 1000));
  return (
    <div class="charts">
      <Chart title="Jobs finished a minute" data={[times, history.finishedCount]} labels={['jobs']} />
      <Chart title="Waited, p95, seconds" data={[times, waitS]} labels={['seconds']} />
      <Chart title="Workers wanted" data={[times, history.desiredCount]} labels={['workers']} />
    </div>
  );
}

/** Half a worker is none. */
const wholeSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/** `14:05` */
function minuteOf(atS: number): string {
  return timeOfDay(atS * 1000).slice(0, 5);
}

function Chart({ title, data, labels }: { title: string; data: uPlot.AlignedData; labels: string[] }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const colour = (name: string): string => getComputedStyle(element).getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--muted'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: 200,
        cursor: { sync: { key: 'operations' } },
        scales: { y: { range: (_self, _min, max) => [0, Math.max(1, (max ?? 1) * 1.1)] } },
        // Room for half of the last time.
        padding: [8, 20, 0, 0],
        axes: [
          { ...axis, size: 30, values: (_self, atS) => atS.map(minuteOf) },
          { ...axis, size: 44, incrs: wholeSteps },
        ],
        series: [
          { label: 'time', value: (_self, atS) => (atS === null ? '--' : minuteOf(atS)) },
          ...labels.map((label) => ({
            label,
            stroke: colour('--accent'),
            width: 2,
            spanGaps: false,
            points: { show: false },
          })),
        ],
      },
      data,
      element,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: 200 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = undefined;
    };
    // The chart is made once; new data goes into it below.
  }, [title]);
  useEffect(() => chart.current?.setData(data), [data]);

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} />
    </figure>
  );
}
