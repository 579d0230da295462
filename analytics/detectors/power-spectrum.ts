/** Power spectrum of real samples under a Hann window: radix-2 FFT, tables made once. */
export class PowerSpectrum {
  readonly #size: number;
  readonly #window: Float64Array;
  readonly #cosine: Float64Array;
  readonly #sine: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  readonly #power: Float64Array;
  readonly #reversed: Uint16Array;

  /** @param size a power of two, at most 65536 */
  constructor(size: number) {
    this.#size = size;
    const table = (value: (index: number) => number, count = size): Float64Array =>
      Float64Array.from({ length: count }, (_, index) => value(index));
    this.#window = table((index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / size));
    this.#cosine = table((index) => Math.cos((2 * Math.PI * index) / size), size / 2);
    this.#sine = table((index) => Math.sin((2 * Math.PI * index) / size), size / 2);
    this.#real = new Float64Array(size);
    this.#imaginary = new Float64Array(size);
    this.#power = new Float64Array(size / 2 + 1);
    this.#reversed = reversedBits(size);
  }

  /** Of `size` samples from `first` on. The result is overwritten by the next call. */
  of(samples: Float32Array, first: number): Float64Array {
    const real = this.#real;
    const imaginary = this.#imaginary;
    imaginary.fill(0);
    for (let index = 0; index < this.#size; index += 1) {
      real[this.#reversed[index] ?? 0] = (samples[first + index] ?? 0) * (this.#window[index] ?? 0);
    }
    this.#transform(real, imaginary);
    for (let bin = 0; bin < this.#power.length; bin += 1) {
      this.#power[bin] = (real[bin] ?? 0) ** 2 + (imaginary[bin] ?? 0) ** 2;
    }
    return this.#power;
  }

  #transform(real: Float64Array, imaginary: Float64Array): void {
    for (let half = 1; half < this.#size; half *= 2) {
      const stride = this.#size / (2 * half);
      for (let group = 0; group < this.#size; group += 2 * half) {
        for (let index = 0; index < half; index += 1) {
          const cosine = this.#cosine[index * stride] ?? 0;
          const sine = this.#sine[index * stride] ?? 0;
          const even = group + index;
          const odd = even + half;
          const re = (real[odd] ?? 0) * cosine + (imaginary[odd] ?? 0) * sine;
          const im = (imaginary[odd] ?? 0) * cosine - (real[odd] ?? 0) * sine;
          real[odd] = (real[even] ?? 0) - re;
          imaginary[odd] = (imaginary[even] ?? 0) - im;
          real[even] = (real[even] ?? 0) + re;
          imaginary[even] = (imaginary[even] ?? 0) + im;
        }
      }
    }
  }
}

function reversedBits(size: number): Uint16Array {
  const reversed = new Uint16Array(size);
  for (let index = 1; index < size; index += 1) {
    reversed[index] = ((reversed[index >> 1] ?? 0) >> 1) | (index & 1 ? size >> 1 : 0);
  }
  return reversed;
}
