/** What a worker says to the process that started it, this often, while its event loop turns. */
export const heartbeat = 'alive';
export const heartbeatMs = 3_000;
