import type { ScalingPolicy } from '../scaling/policy.ts';
import { readPolicyFile } from '../scaling/policy-file.ts';
import type { Config } from './config.ts';

/**
 * The policy of this server: what the file says, over the defaults of where its workers are.
 *
 * @throws TouchlineError `config.invalid` naming every problem at once
 */
export function policyOf({ scalingPolicy: path, scaling, coreCount }: Config): ScalingPolicy {
  return readPolicyFile(path, scaling === 'local' ? onThisMachine(coreCount) : {});
}

/** Processes are there in seconds and cost nothing but memory: the rest of the policy is that of any fleet. */
function onThisMachine(coreCount: number): Partial<ScalingPolicy> {
  return { countMin: 1, countMax: coreCount, bootSecondsPrior: 5, leadMarginSeconds: 30, paidSecondsMin: 30 };
}
