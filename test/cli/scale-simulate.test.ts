import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { register } from '../../cli/commands/scale.ts';
import { memoryIo } from './memory-io.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-simulate-'));
  const matches = [
    { date: '2027-02-06', time: '15:00', team1: 'Ipswich', team2: 'Norwich' },
    { date: '2027-02-06', time: '15:00', team1: 'Derby', team2: 'Leicester' },
  ];
  await writeFile(join(folder, 'list.json'), JSON.stringify({ matches }));
  await writeFile(join(folder, 'policy.yaml'), 'spareCount: 2\n');
  await writeFile(join(folder, 'wrong.yaml'), 'countMin: 9\ncountMax: 8\n');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function simulate(...args: string[]): Promise<{ lines: string[]; told: string[] }> {
  const { io, printed, told } = memoryIo();
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  register(program, { ...io, cwd: folder });
  await program.parseAsync(['scale', 'simulate', ...args], { from: 'user' });
  return { lines: printed.lines, told };
}

interface Document {
  bound: { gpuHours: number };
  outcomes: { name: string; gpuHours: number; machinesMax: number }[];
}

const oursOf = ({ lines }: { lines: string[] }): Document['outcomes'][number] | undefined =>
  (JSON.parse(lines.join('')) as Document).outcomes.find(({ name }) => name === 'touchline');

describe('touchline scale simulate', () => {
  it('prints a line for the bound, for us and for each baseline', async () => {
    const { lines } = await simulate('--trace', 'list.json');
    expect(lines[0]).toBe('2027-02-06, 2 matches; boot 240 s, SLO 20 s, seed 1');
    expect(lines.slice(2, -1).map((line) => line.slice(0, 22).trim())).toEqual([
      'clairvoyant bound',
      'touchline',
      'static peak',
      'average load',
      'AWS target tracking',
      'KEDA + HPA',
      'buildkite',
      'schedule only',
    ]);
  });

  it('prints one document, tries the policy that it is given, and draws', async () => {
    const args = ['--trace', 'list.json', '--json', '--boot', '60'];
    const [plain, careful] = await Promise.all([
      simulate(...args),
      simulate(...args, '--policy', 'policy.yaml', '--svg', 'day.svg'),
    ]);
    expect([oursOf(plain)?.machinesMax, oursOf(careful)?.machinesMax]).toEqual([3, 4]);
    expect(careful.told).toEqual([`The picture is in ${join(folder, 'day.svg')}`]);
    expect(await readFile(join(folder, 'day.svg'), 'utf8')).toMatch(/^<svg [^]*<\/svg>\n$/);
  });

  it.each([
    [['--policy', 'wrong.yaml'], 'wrong.yaml: countMin is 9, more than countMax (8)'],
    [['--policy', 'none.yaml'], 'the policy none.yaml could not be read'],
    [['--trace', 'policy.yaml'], 'policy.yaml is not JSON'],
    [['--fault', 'quake'], '--fault quake is none'],
    [['--boot', '0'], 'It takes seconds from 1 to 7200'],
    [['--seed', '1.5'], 'It takes a whole number'],
  ])('refuses %j by its name', async (args, words) => {
    await expect(simulate(...args)).rejects.toThrow(words);
  });
});
