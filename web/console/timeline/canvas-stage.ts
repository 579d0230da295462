import type { Lanes } from './lanes.ts';
import { onPaletteChange, type Palette, readPalette } from './palette.ts';

/** A canvas as sharp as the screen, drawn at most once per frame and only when something changed. */
export class CanvasStage {
  readonly #canvas: HTMLCanvasElement;
  readonly #draw: (pen: CanvasRenderingContext2D, palette: Palette) => void;
  readonly #stops: (() => void)[] = [];
  #palette: Palette | undefined;
  #frame = 0;

  constructor(
    canvas: HTMLCanvasElement,
    options: {
      draw(pen: CanvasRenderingContext2D, palette: Palette): void;
      onWidth(widthPx: number): void;
    },
  ) {
    this.#canvas = canvas;
    this.#draw = (pen, palette) => options.draw(pen, palette);
    const sizes = new ResizeObserver(() => {
      options.onWidth(canvas.clientWidth);
      this.redraw();
    });
    sizes.observe(canvas);
    this.#stops.push(
      () => sizes.disconnect(),
      onPaletteChange(() => {
        this.#palette = undefined;
        this.redraw();
      }),
      () => cancelAnimationFrame(this.#frame),
    );
  }

  redraw(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      const pen = this.#canvas.getContext('2d');
      if (!pen || this.#canvas.clientWidth === 0) return;
      const scale = devicePixelRatio;
      const [width, height] = [this.#canvas.clientWidth, this.#canvas.clientHeight].map((size) =>
        Math.round(size * scale),
      ) as [number, number];
      // Setting the size wipes a canvas and costs: only when it differs.
      if (this.#canvas.width !== width) this.#canvas.width = width;
      if (this.#canvas.height !== height) this.#canvas.height = height;
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      this.#palette ??= readPalette(this.#canvas);
      this.#draw(pen, this.#palette);
    });
  }

  dispose(): void {
    for (const stop of this.#stops) stop();
  }
}

/** Styles through the CSSOM: the policy of the page forbids style attributes. */
export function setHeight(canvas: HTMLCanvasElement, { heightPx }: Pick<Lanes, 'heightPx'>): void {
  canvas.style.height = `${heightPx}px`;
}
