import type { OperationsDesk } from '../../control/operations-desk.ts';
import { ApiRoutes } from './api-route.ts';
import { operationsView } from './schemas/operations.ts';

/** How it goes, for operators. */
export function operationsViewRoutes({
  operations,
}: {
  operations: Pick<OperationsDesk, 'read'>;
}): ApiRoutes {
  return new ApiRoutes('operations').add(
    {
      method: 'get',
      path: '/',
      scope: 'read',
      summary: 'Latency, what waits, who works, what failed, and why there are so many machines',
      answer: operationsView,
    },
    async () => await operations.read(),
  );
}
