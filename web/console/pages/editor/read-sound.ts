import type { Curve } from '../../timeline/timeline-data.ts';

/** What the BBC's audiowaveform writes: for each pixel the lowest and the highest sample of each channel. */
interface WaveformJson {
  channels?: number;
  sample_rate: number;
  samples_per_pixel: number;
  bits: 8 | 16;
  data: number[];
}

export async function readSound(url: string, runMsOf: (fileMs: number) => number): Promise<Curve> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the sound could not be read (${response.status})`);
  return soundOf((await response.json()) as WaveformJson, runMsOf);
}

/** How loud each pixel is, 0 to 1; of several channels the loudest. */
export function soundOf(
  { channels = 1, sample_rate: sampleRate, samples_per_pixel: samples, bits, data }: WaveformJson,
  runMsOf: (fileMs: number) => number,
): Curve {
  const full = 2 ** (bits - 1);
  const pixelMs = (samples * 1000) / sampleRate;
  const atMs: number[] = [];
  const values: number[] = [];
  const perPixel = 2 * channels;
  for (let at = 0; at + perPixel <= data.length; at += perPixel) {
    let loudest = 0;
    for (let nth = at; nth < at + perPixel; nth += 1) loudest = Math.max(loudest, Math.abs(data[nth] ?? 0));
    atMs.push(runMsOf((atMs.length + 0.5) * pixelMs));
    values.push(Math.min(1, loudest / full));
  }
  return { atMs, values };
}
