import type { InputWish } from './input-wish.ts';

/**
 * What is wanted of a MediaLive channel, and what has to be known of it after a restart. It outlives the process and, while
 * something of it is still to be taken away, the channel.
 */
export interface DesiredChannel {
  channelId: string;
  /** `absent`: everything is given back, and then this record too. There is no way back from it. */
  wish: 'running' | 'idle' | 'absent';
  input: InputWish;
  segmentMs: number;
  /** The run that is written, or was last. A new one at each start. */
  runId: string;
  /** Runs whose end was not announced yet: this one and those before it. */
  openRunIds: string[];
  /** Part of the RequestId. One up whenever the thing is to be made anew, so that the service does not answer with the old one. */
  channelGeneration: number;
  inputGeneration: number;
  streamKey: string;
  /** Of the passphrase that we keep in Secrets Manager. */
  passphraseArn: string | undefined;
  /** Why it does not run although it is wanted. Nothing is tried again until it is started again. */
  failure: string | undefined;
}

/** Where they are kept. Every write names the version it was read at: of two writers one loses, and looks again. */
export interface DesiredChannels {
  list(): Promise<{ desired: DesiredChannel; version: number }[]>;
  get(channelId: string): Promise<{ desired: DesiredChannel; version: number } | undefined>;
  /** @param version the one that was read; 0 for a new one. @returns false when somebody else was faster */
  save(desired: DesiredChannel, version: number): Promise<boolean>;
  remove(channelId: string, version: number): Promise<boolean>;
}
