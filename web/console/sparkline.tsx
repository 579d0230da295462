/** A minute of one figure as a line; what is not known is left out. 100 by 28 units, stretched to its place. */
export function Sparkline({ values, label }: { values: readonly (number | null)[]; label: string }) {
  return (
    <svg class="sparkline" viewBox="0 0 100 28" preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={sparklinePath(values)} fill="none" stroke="currentColor" vector-effect="non-scaling-stroke" />
    </svg>
  );
}

/** SVG path data: a new piece after each hole. A line that never changes lies in the middle. */
function sparklinePath(values: readonly (number | null)[]): string {
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const step = 100 / Math.max(1, values.length - 1);
  let isDown = false;
  return values
    .map((value, nth) => {
      if (value === null) {
        isDown = false;
        return '';
      }
      const y = high === low ? 14 : 26 - ((value - low) / (high - low)) * 24;
      const part = `${isDown ? 'L' : 'M'}${(nth * step).toFixed(1)} ${y.toFixed(1)}`;
      isDown = true;
      return part;
    })
    .join('');
}
