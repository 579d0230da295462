import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import type { OperationsView } from '../../../api/schemas/operations.ts';

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
        axes: [axis, { ...axis, size: 44 }],
        series: [
          {},
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
