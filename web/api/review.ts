import { z } from 'zod';

import type { Principal } from '../../control/principal.ts';
import type { ReviewDesk, ReviewMoment as Row } from '../../control/review-desk.ts';
import { ApiRoutes } from './api-route.ts';
import {
  decisionsMade,
  decisionsWish,
  reviewPage,
  reviewQuery,
  type ReviewMoment,
} from './schemas/review.ts';

type Reviews = Pick<ReviewDesk, 'list' | 'decide' | 'claim' | 'release'>;

/** The editor's queue. */
export function reviewRoutes({ review }: { review: Reviews }): ApiRoutes {
  return new ApiRoutes('review').add(
    {
      method: 'get',
      path: '/',
      scope: 'read',
      summary: 'What waits for a decision, by lane',
      query: reviewQuery,
      answer: reviewPage,
    },
    async ({ query, principal }) => {
      const page = await review.list(query);
      return { ...page, moments: page.moments.map((row) => viewOf(row, principal)) };
    },
  );
}

/** Decisions on several moments at once, and who looks at which. */
export function decisionRoutes({ review }: { review: Reviews }): ApiRoutes {
  const byId = z.object({ id: z.string() });
  return new ApiRoutes('moments')
    .add(
      {
        method: 'post',
        path: '/decisions',
        scope: 'review',
        summary: 'One word on several moments: all of them or none',
        body: decisionsWish,
        answer: decisionsMade,
      },
      async ({ context, principal, body: { ids, decision } }) => {
        const unsureSinceMs = context.get('unsureSinceMs');
        return { moments: await review.decide(ids, decision, { by: principal, unsureSinceMs }) };
      },
    )
    .add(
      {
        method: 'put',
        path: '/{id}/claim',
        scope: 'review',
        summary: 'Say that you look at it; to be said again every ten seconds',
        params: byId,
        answer: z.object({ name: z.string(), isMine: z.boolean() }),
      },
      async ({ principal, params }) => await review.claim(params.id, principal),
    )
    .add(
      {
        method: 'delete',
        path: '/{id}/claim',
        scope: 'review',
        summary: 'Say that you look at it no more',
        params: byId,
      },
      async ({ principal, params }) => await review.release(params.id, principal),
    );
}

function viewOf({ keys, claim, ...row }: Row, asker: Principal): ReviewMoment {
  return {
    ...row,
    // One's own claim is for the others to see.
    claimedBy: claim && claim.id !== asker.id ? claim.name : null,
    videoUrl: urlOf(keys.wide),
    thumbnailUrl: urlOf(keys.thumbnail),
    verticalUrl: urlOf(keys.vertical),
  };
}

function urlOf(key: string | null): string | null {
  return key === null ? null : `/api/v1/media/${key}`;
}
