/** What a key's ending says about the content. One type an ending, one ending a kind of file. */
export function contentTypeOf(key: string): string {
  return types[key.slice(key.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}

const types: Readonly<Record<string, string>> = {
  ts: 'video/mp2t',
  mp4: 'video/mp4',
  m4s: 'video/iso.segment',
  m4a: 'audio/mp4',
  wav: 'audio/wav',
  m3u8: 'application/vnd.apple.mpegurl',
  jpg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  svg: 'image/svg+xml',
  vtt: 'text/vtt',
  srt: 'application/x-subrip',
  txt: 'text/plain',
  xml: 'application/xml',
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  zip: 'application/zip',
};
