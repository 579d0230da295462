import type { TouchlineErrorFields } from '../../core/errors.ts';
import type { InferenceCall, Tensor } from './inference.ts';
import type { ModelPack } from './model-manifest.ts';

/** What parent and inference child say to each other. Structured clone: typed arrays travel as they are. */
export interface InferenceRequest {
  callId: number;
  modelKey: string;
  /** Sent with the first call of a model to a child: load it before. */
  load: ModelPack | undefined;
  /** Undefined = load only. */
  call: InferenceCall | undefined;
}

export type InferenceReply =
  | { callId: number; ok: true; outputs: Record<string, Tensor> }
  | { callId: number; ok: false; error: Omit<TouchlineErrorFields, 'cause'>; isLoaded: boolean };
