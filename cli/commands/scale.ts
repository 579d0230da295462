import type { Command } from 'commander';

import type { CliIo } from '../cli-io.ts';
import { register as registerOperate } from './scale-operate.ts';
import { register as registerSimulate } from './scale-simulate.ts';

/** `touchline scale ...`: how many machines, why, and what if. */
export function register(program: Command, io: CliIo): void {
  const scale = program
    .command('scale')
    .description('How many workers there are and why, what an operator says to it, and what would be');
  registerOperate(scale, io);
  registerSimulate(scale, io);
}
