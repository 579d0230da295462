/** The only reader of the environment. Everything else is handed its settings. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/**
 * The AWS SDK prints seven lines about Node 20 into every process that opens a client; `touchline doctor` says it once. It reads
 * nothing but the environment for this, and whoever has set it keeps what they set.
 */
export function silenceSdkNodeWarning(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}

/**
 * ONNX Runtime tells Microsoft which models are run, and leaves a file in the temp folder for each process, unless this is set
 * before its library is loaded (1.30, POSIX telemetry, microsoft/onnxruntime#27379).
 */
export function silenceRuntimeTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
}
