import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { HuntResult } from './hunt.ts';
import { mutants } from './mutants.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

// A simulation that finds nothing proves nothing: each of these bugs, put in on purpose, has to be found.
test.each(mutants)(
  '$name is found within 5,000 seeds',
  async ({ name, foundBy }) => {
    const isKnown = foundBy !== undefined && (await finds(name, foundBy, 1));
    expect(isKnown || (await finds(name, 1, 5_000))).toBe(true);
  },
  120_000,
);

async function finds(mutant: string, from: number, count: number): Promise<boolean> {
  const seeds = ['--from', String(from), '--seeds', String(count)];
  const { failed } = await hunt('--mutant', mutant, ...seeds, '--first', '--json');
  return failed.length > 0;
}

function hunt(...args: string[]): Promise<HuntResult> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args], { maxBuffer: 1e8 }, (error, stdout, stderr) => {
      if (stdout === '') reject(error ?? new Error(stderr));
      else resolve(JSON.parse(stdout) as HuntResult);
    });
  });
}
