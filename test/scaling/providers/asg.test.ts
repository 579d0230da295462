import { openAsgBench, spot } from '../../support/asg-bench.ts';
import { providerContract } from '../provider-contract.ts';

providerContract({ name: 'asg', canKeep: true, staysDrained: true, canDie: true }, async () => {
  const bench = await openAsgBench([spot]);
  return {
    provider: await bench.open(),
    pass: async () => bench.simulator.advance(10_000),
    kill: async (instanceId) => bench.simulator.endFromOutside(instanceId),
    done: async () => await bench.close(),
  };
});
