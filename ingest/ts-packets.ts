import { ticksPerSecond } from '../core/media-time.ts';
import { forEachNal, TransportStreamReader, type AccessUnit } from '../core/mpegts.ts';

import { buildAudioSpecificConfig, forEachAdtsFrame, samplesPerFrame } from './aac.ts';
import { buildAvcc, nalType } from './h264.ts';
import type { MediaPacket } from './media-packet.ts';

/**
 * Turns a transport stream that comes in pieces into media packets: parameter sets and delimiters are taken out of the
 * pictures, start codes become lengths, ADTS headers become a configuration.
 */
export class TsPackets {
  readonly #reader: TransportStreamReader;
  readonly #avcc = new Changing();
  readonly #asc = new Changing();
  #ready: MediaPacket[] = [];

  constructor() {
    this.#reader = new TransportStreamReader({
      onUnit: (kind, unit) => (kind === 'video' ? this.#addPicture(unit) : this.#addSound(unit)),
    });
  }

  /** stream_type of each stream of the programme, in order; undefined until the programme map was read. */
  get streamTypes(): readonly number[] | undefined {
    return this.#reader.streamTypes;
  }

  push(bytes: Uint8Array): MediaPacket[] {
    this.#reader.push(bytes);
    return this.#take();
  }

  end(): { packets: MediaPacket[]; problems: string[] } {
    const problems = this.#reader.end();
    return { packets: this.#take(), problems };
  }

  #take(): MediaPacket[] {
    const packets = this.#ready;
    this.#ready = [];
    return packets;
  }

  #addPicture(unit: AccessUnit): void {
    const sps: Uint8Array[] = [];
    const pps: Uint8Array[] = [];
    const nals: Uint8Array[] = [];
    let dataBytes = 0;
    forEachNal(unit.data, (nal, type) => {
      if (type === nalType.sps) sps.push(nal);
      else if (type === nalType.pps) pps.push(nal);
      else if (type !== nalType.aud) {
        nals.push(nal);
        dataBytes += 4 + nal.length;
      }
    });
    if (sps.length > 0 && pps.length > 0) {
      const avcc = buildAvcc(sps, pps);
      if (this.#avcc.becomes(avcc)) this.#ready.push({ kind: 'video-config', avcc });
    }
    const data = new Uint8Array(dataBytes);
    const view = new DataView(data.buffer);
    let at = 0;
    for (const nal of nals) {
      view.setUint32(at, nal.length);
      data.set(nal, at + 4);
      at += 4 + nal.length;
    }
    const { dts90k, pts90k, isKeyframe } = unit;
    this.#ready.push({ kind: 'video', dts90k, pts90k, isKeyframe, data });
  }

  #addSound(unit: AccessUnit): void {
    forEachAdtsFrame(unit.data, (frame, config, index) => {
      const asc = buildAudioSpecificConfig(config);
      if (this.#asc.becomes(asc)) this.#ready.push({ kind: 'audio-config', asc });
      // One PES packet holds several frames and the time of the first: the others follow from the sample count.
      const later90k = Math.round((index * samplesPerFrame * ticksPerSecond) / config.sampleRateHz);
      this.#ready.push({ kind: 'audio', pts90k: unit.pts90k + later90k, data: frame.slice() });
    });
  }
}

/** Remembers bytes and says when they change. */
class Changing {
  #last: Buffer = Buffer.alloc(0);

  becomes(bytes: Uint8Array): boolean {
    if (this.#last.equals(bytes)) return false;
    this.#last = Buffer.from(bytes);
    return true;
  }
}
