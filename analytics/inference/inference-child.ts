import { asTouchlineError, TouchlineError } from '../../core/errors.ts';
import type { InferenceReply, InferenceRequest } from './inference-messages.ts';
import { loadModel, type LoadedModel } from './loaded-model.ts';

/**
 * The process in which models run: started by `inference-process.ts`, answers one request at a time in the order they
 * come, and ends when its parent does.
 */
const models = new Map<string, LoadedModel>();

async function answer(request: InferenceRequest): Promise<InferenceReply> {
  const { callId, modelKey } = request;
  try {
    const isNew = request.load !== undefined && !models.has(modelKey);
    if (request.load && isNew) {
      models.set(modelKey, await loadModel(request.load.pack, request.load.device));
    }
    const model = models.get(modelKey);
    if (!model) throw notLoaded(modelKey);
    const outputs = request.call ? await model.run(request.call) : {};
    return { callId, ok: true, outputs, loaded: isNew ? model.report : undefined };
  } catch (thrown) {
    const { code, message, retryable, blame } = asTouchlineError(thrown);
    return { callId, ok: false, error: { code, message, retryable, blame }, isLoaded: models.has(modelKey) };
  }
}

function notLoaded(modelKey: string): TouchlineError {
  return new TouchlineError({
    code: 'inference.failed',
    message: `model ${modelKey} was called before it was loaded`,
    retryable: true,
    blame: 'touchline',
  });
}

let last: Promise<void> = Promise.resolve();
process.on('message', (message) => {
  last = last.then(async () => {
    const reply = await answer(message as InferenceRequest);
    if (process.connected) process.send?.(reply);
  });
});
process.on('disconnect', () => process.exit(0));
