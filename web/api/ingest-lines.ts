/** What is typed into an encoder, in the order in which it asks. */
export interface IngestLines {
  server: string;
  key: string | null;
  lines: { tool: 'obs' | 'ffmpeg' | 'larix' | 'vmix'; fields: { label: string; value: string }[] }[];
}

const placeholder = '<your key>';

/** How each of the usual encoders is told where to send. */
export function ingestLines(server: string, key: string | undefined): IngestLines {
  const shownKey = key ?? placeholder;
  const address = `${server}/${shownKey}`;
  return {
    server,
    key: key ?? null,
    lines: [
      {
        tool: 'obs',
        fields: [
          { label: 'Service', value: 'Custom...' },
          { label: 'Server', value: server },
          { label: 'Stream Key', value: shownKey },
          { label: 'Keyframe Interval', value: '2 s' },
        ],
      },
      {
        tool: 'ffmpeg',
        fields: [
          {
            label: 'Command',
            value: `ffmpeg -re -i INPUT -c:v libx264 -preset veryfast -b:v 6M -maxrate 6M -bufsize 12M -force_key_frames "expr:gte(t,n_forced*2)" -c:a aac -b:a 160k -ar 48000 -f flv "${address}"`,
          },
        ],
      },
      {
        tool: 'larix',
        fields: [
          { label: 'URL', value: address },
          { label: 'Keyframe interval', value: '2' },
        ],
      },
      {
        tool: 'vmix',
        fields: [
          { label: 'Destination', value: 'Custom RTMP Server' },
          { label: 'URL', value: server },
          { label: 'Stream Name or Key', value: shownKey },
        ],
      },
    ],
  };
}

/** The ingest names this machine as itself names it; to a phone it is called what the phone called it to see this page. */
export function reachableBase(rtmpBase: string, hostHeader: string): string {
  const url = URL.canParse(rtmpBase) ? new URL(rtmpBase) : undefined;
  const asked = URL.canParse(`http://${hostHeader}`) ? new URL(`http://${hostHeader}`).hostname : '';
  if (!url || asked === '' || !isOwn(url.hostname) || isOwn(asked)) return rtmpBase;
  return rtmpBase.replace(`//${url.host}`, `//${asked}${url.port === '' ? '' : `:${url.port}`}`);
}

function isOwn(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}
