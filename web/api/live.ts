import type { TimelineDesk } from '../../control/timeline-desk.ts';
import { ApiRoutes } from './api-route.ts';
import { liveWall } from './schemas/live.ts';

/** Every channel at one glance. */
export function liveRoutes({ timeline }: { timeline: TimelineDesk }): ApiRoutes {
  return new ApiRoutes('live').add(
    {
      method: 'get',
      path: '/',
      scope: 'read',
      summary: 'A tile for each channel, those first that need somebody',
      answer: liveWall,
    },
    async () => {
      const { channels, ...wall } = await timeline.live();
      return {
        ...wall,
        channels: channels.map((channel) => ({
          ...channel,
          still: channel.still && {
            url: `/api/v1/channels/${channel.channelId}/still.jpg?v=${channel.still.segmentId}`,
            atWallMs: channel.still.atWallMs,
          },
        })),
      };
    },
  );
}
