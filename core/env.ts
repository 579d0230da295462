/** The only reader of the environment. Everything else is handed its settings. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
