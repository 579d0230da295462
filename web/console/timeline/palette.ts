/** The colours of the page as a canvas needs them: read from the style, so dark and light come from one place. */
export type Palette = Readonly<Record<Tint, string>>;

const tints = [
  'ground',
  'surface',
  'raised',
  'line',
  'ink',
  'muted',
  'accent',
  'good',
  'warn',
  'bad',
  'must',
  'likely',
  'maybe',
  'track',
  'focus',
] as const;
type Tint = (typeof tints)[number];

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  return Object.fromEntries(
    tints.map((tint) => [tint, style.getPropertyValue(`--${tint}`).trim()]),
  ) as Palette;
}

/** Calls back when the colours may have changed, until the returned function is called. */
export function onPaletteChange(changed: () => void): () => void {
  const scheme = matchMedia('(prefers-color-scheme: light)');
  scheme.addEventListener('change', changed);
  const theme = new MutationObserver(changed);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  return () => {
    scheme.removeEventListener('change', changed);
    theme.disconnect();
  };
}
