import { ask } from './api.ts';
import { tell, tellFault } from './toasts.tsx';

/** Another chance for a clip whose cut died; says what came of the wish. Never rejects. */
export async function cutAgain(clipId: string): Promise<void> {
  try {
    await ask(`/clips/${clipId}/recut`, { method: 'POST' });
    tell('It is cut again');
  } catch (error) {
    tellFault('It could not be cut again')(error);
  }
}
