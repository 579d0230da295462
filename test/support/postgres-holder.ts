import { systemClock } from '../../core/clock.ts';
import { asTouchlineError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { systemRandom } from '../../core/random.ts';
import { startEmbeddedPostgres } from '../../store/embedded-postgres.ts';

/** A process that holds an embedded PostgreSQL until it is told to stop, or killed. `argv[2]` is the home; `argv[3]` is `moment` for one that is soon done. */
const home = process.argv[2] ?? '';
try {
  const server = await startEmbeddedPostgres({
    home,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    isForAMoment: process.argv[3] === 'moment',
    settings: { fsync: 'off' },
  });
  process.send?.({ url: server.databaseUrl.reveal(), isOurs: server.isOurs });
  process.on('disconnect', () => process.exit());
  process.once('SIGTERM', () => {
    void server.stop().then(() => process.exit());
  });
} catch (error) {
  process.send?.({ code: asTouchlineError(error).code, message: asTouchlineError(error).message });
  process.disconnect();
}
