/**
 * Power spectrum of real samples under a Hann window: radix-2 FFT, tables made once. Two real samples stand for one complex
 * number, so that the transform is half as long as the samples are; its outcome is taken apart behind it.
 */
export class PowerSpectrum {
  readonly #half: number;
  readonly #window: Float64Array;
  readonly #cosine: Float64Array;
  readonly #sine: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  readonly #power: Float64Array;
  readonly #reversed: Uint16Array;

  /** @param size a power of two, at most 65536 */
  constructor(size: number) {
    const half = size / 2;
    this.#half = half;
    this.#window = tableOf((index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / size), size);
    this.#cosine = tableOf((index) => Math.cos((2 * Math.PI * index) / size), half);
    this.#sine = tableOf((index) => Math.sin((2 * Math.PI * index) / size), half);
    this.#real = new Float64Array(half);
    this.#imaginary = new Float64Array(half);
    this.#power = new Float64Array(half + 1);
    this.#reversed = reversedBits(half);
  }

  /** Of `size` samples from `first` on. The result is overwritten by the next call. */
  of(samples: Float32Array, first: number): Float64Array {
    const real = this.#real;
    const imaginary = this.#imaginary;
    const window = this.#window;
    for (let index = 0, at = 0; index < this.#half; index += 1, at += 2) {
      const to = this.#reversed[index] as number;
      real[to] = (samples[first + at] ?? 0) * (window[at] as number);
      imaginary[to] = (samples[first + at + 1] ?? 0) * (window[at + 1] as number);
    }
    this.#transform(real, imaginary);
    this.#takeApart(real, imaginary);
    return this.#power;
  }

  /** The hot loop of the whistle: every index is inside by construction. */
  #transform(real: Float64Array, imaginary: Float64Array): void {
    for (let half = 1; half < this.#half; half *= 2) {
      const stride = this.#half / half; // The tables are for twice the length.
      for (let index = 0; index < half; index += 1) {
        const cosine = this.#cosine[index * stride] as number;
        const sine = this.#sine[index * stride] as number;
        for (let even = index; even < this.#half; even += 2 * half) {
          const odd = even + half;
          const oddReal = real[odd] as number;
          const oddImaginary = imaginary[odd] as number;
          const re = oddReal * cosine + oddImaginary * sine;
          const im = oddImaginary * cosine - oddReal * sine;
          real[odd] = (real[even] as number) - re;
          imaginary[odd] = (imaginary[even] as number) - im;
          real[even] = (real[even] as number) + re;
          imaginary[even] = (imaginary[even] as number) + im;
        }
      }
    }
  }

  /** The spectra of the even and of the odd samples lie in one: the parts that mirror each other tell them apart. */
  #takeApart(real: Float64Array, imaginary: Float64Array): void {
    for (let bin = 0; bin <= this.#half; bin += 1) {
      const at = bin === this.#half ? 0 : bin;
      const mirror = bin === 0 ? 0 : this.#half - bin;
      const evenReal = ((real[at] as number) + (real[mirror] as number)) / 2;
      const evenImaginary = ((imaginary[at] as number) - (imaginary[mirror] as number)) / 2;
      const oddReal = ((imaginary[at] as number) + (imaginary[mirror] as number)) / 2;
      const oddImaginary = ((real[mirror] as number) - (real[at] as number)) / 2;
      const cosine = bin === this.#half ? -1 : (this.#cosine[bin] as number);
      const sine = bin === this.#half ? 0 : (this.#sine[bin] as number);
      const re = evenReal + oddReal * cosine + oddImaginary * sine;
      const im = evenImaginary + oddImaginary * cosine - oddReal * sine;
      this.#power[bin] = re * re + im * im;
    }
  }
}

function tableOf(value: (index: number) => number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => value(index));
}

function reversedBits(size: number): Uint16Array {
  const reversed = new Uint16Array(size);
  for (let index = 1; index < size; index += 1) {
    reversed[index] = ((reversed[index >> 1] ?? 0) >> 1) | (index & 1 ? size >> 1 : 0);
  }
  return reversed;
}
