import { readdir, readFile } from 'node:fs/promises';

/** Linux counts in hundredths of a second everywhere that Node runs (USER_HZ). */
const msPerTick = 10;

/** CPU that a process has used so far, its children included: those that ended (once waited for) and those that live. */
export async function cpuMsOf(pid: number): Promise<number> {
  const all = await readStats();
  const live = (parent: number): number =>
    all.filter((one) => one.parent === parent).reduce((sum, one) => sum + one.ticks + live(one.pid), 0);
  return ((all.find((one) => one.pid === pid)?.ticks ?? 0) + live(pid)) * msPerTick;
}

interface Stat {
  pid: number;
  parent: number;
  ticks: number;
}

async function readStats(): Promise<Stat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map(async (pid) => await readStat(Number(pid))));
  return stats.filter((stat) => stat !== undefined);
}

/** proc(5): the name in brackets may hold anything, so fields are counted from behind it. */
async function readStat(pid: number): Promise<Stat | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'latin1');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent = 0] = fields.slice(1);
    return { pid, parent, ticks: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) };
  } catch {
    return undefined; // It ended while we looked.
  }
}
