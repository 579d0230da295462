import type { TouchlineErrorFields } from '../../core/errors.ts';
import type { Device } from './device.ts';
import type { InferenceCall, LoadReport, Tensor } from './inference.ts';
import type { ModelPack } from './model-manifest.ts';

/** What parent and inference child say to each other. Structured clone: typed arrays travel as they are. */
export interface InferenceRequest {
  callId: number;
  modelKey: string;
  /** Sent with the first call of a model to a child: load it before. */
  load: { pack: ModelPack; device: Device } | undefined;
  /** Undefined = load only. */
  call: InferenceCall | undefined;
}

export type InferenceReply =
  | {
      callId: number;
      ok: true;
      outputs: Record<string, Tensor>;
      /** When this request loaded the model. */
      loaded: LoadReport | undefined;
    }
  | { callId: number; ok: false; error: Omit<TouchlineErrorFields, 'cause'>; isLoaded: boolean };
