/**
 * What every source (RTMP, file, later SRT and RTSP) hands to the timeline: coded media with the publisher's own times.
 * Times are in 90 kHz ticks, unwrapped to 53 bits within the session, starting wherever the publisher starts.
 */
export type MediaPacket =
  /** AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1). Sent before the first picture and when it changes. */
  | { kind: 'video-config'; avcc: Uint8Array }
  /** AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1). */
  | { kind: 'audio-config'; asc: Uint8Array }
  /** One picture: NAL units behind lengths of the size that the config names. */
  | { kind: 'video'; dts90k: number; pts90k: number; isKeyframe: boolean; data: Uint8Array }
  /** One raw AAC frame, without ADTS header. */
  | { kind: 'audio'; pts90k: number; data: Uint8Array };
