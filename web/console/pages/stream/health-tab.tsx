import type { ChannelBody } from '../../../api/schemas/channel.ts';

/** What the feed looks like now, and what to do about it. */
export function HealthTab({ channel }: { channel: ChannelBody }) {
  const { health, stateReason } = channel;
  if (!health || health.bitrateBps === 0) {
    return (
      <div class="stream-health">
        {stateReason !== null && <p class="warn">{stateReason}</p>}
        <p class="empty">Nothing is received now.</p>
        {channel.driver === 'local' && (
          <p>
            Push to <code>{channel.ingest.rtmp}/&lt;key&gt;</code>
          </p>
        )}
      </div>
    );
  }
  const rows: [string, string][] = [
    ['Picture', `${health.width} × ${health.height}`],
    ['Frames', `${health.framesPerSecond.toFixed(2)} per second`],
    ['Bit rate', `${(health.bitrateBps / 1e6).toFixed(2)} Mbit/s`],
    ['Keyframe', `every ${(health.keyframeIntervalMs / 1000).toFixed(1)} s`],
    ['Sound', health.hasAudio ? 'yes' : 'none'],
  ];
  return (
    <div class="stream-health">
      {stateReason !== null && <p class="warn">{stateReason}</p>}
      {health.advice.length === 0 && <p class="good">Nothing is wrong with the feed.</p>}
      {health.advice.map((line) => (
        <p key={line} class="warn">
          {line}
        </p>
      ))}
      <dl>
        {rows.map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
