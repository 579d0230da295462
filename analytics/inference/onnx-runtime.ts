import type * as Runtime from 'onnxruntime-node';

import { silenceRuntimeTelemetry } from '../../core/env.ts';

// Which models an operator runs is nobody's business: said before the library is loaded, for it asks only then.
silenceRuntimeTelemetry();

export const { InferenceSession, Tensor } = await import('onnxruntime-node');
export type InferenceSession = Runtime.InferenceSession;
export type Tensor = Runtime.Tensor;
