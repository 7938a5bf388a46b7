import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { HuntResult } from './hunt.ts';
import { mutants } from './mutants.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

// A simulation that finds nothing proves nothing: each of these bugs, put in on purpose, has to be found.
test.each(mutants.map(({ name }) => name))(
  '%s is found within 5,000 seeds',
  async (name) => {
    const { failed, runs } = await hunt('--mutant', name, '--from', '1', '--seeds', '5000', '--first', '--json');
    expect(failed.length).toBeGreaterThan(0);
    expect(runs).toBeLessThanOrEqual(5_000);
  },
  120_000,
);

function hunt(...args: string[]): Promise<HuntResult> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args], { maxBuffer: 1e8 }, (error, stdout, stderr) => {
      if (stdout === '') reject(error ?? new Error(stderr));
      else resolve(JSON.parse(stdout) as HuntResult);
    });
  });
}
