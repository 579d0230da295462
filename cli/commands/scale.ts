import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import { register as registerSimulate } from './scale-simulate.ts';

/** `touchline scale ...`: how many machines, why, and what if. */
export function register(program: Command, io: CliIo): void {
  const scale = program.command('scale').description('Look at how the fleet is scaled, and try it on paper');
  registerSimulate(scale, io);
}
