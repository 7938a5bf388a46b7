import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Builds what npm would install of ours: sources would be measured with the time of stripping their types. */
export async function buildPackages(): Promise<void> {
  for (const name of ['core', 'publisher', 'consumer']) {
    const cwd = fileURLToPath(new URL(`../../packages/${name}/`, import.meta.url));
    await run('tsc', ['-p', 'tsconfig.build.json'], { cwd });
  }
}
