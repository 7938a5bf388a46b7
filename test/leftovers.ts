import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Broker, eventually } from '@surehop/testing';
import { vhostNames } from './vhost-names.ts';

const prefix = 'surehop-run-';

/**
 * Gives this run a temporary folder of its own and makes it the default of every process that the run starts. What is
 * still in it, or still names it, at the end was left behind by this run and by no other.
 */
export function openRunFolder(): string {
  removeAbandoned();
  const folder = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  chmodSync(folder, 0o711); // a broker may run as a user of its own and must pass through
  process.env.TMPDIR = folder;
  return folder;
}

/** Every virtual host of this run has been closed by the test that made it. */
export async function assertNoVhostIsLeft(broker: Broker): Promise<void> {
  const names = await vhostNames(broker);
  const left = names.filter((name) => name.startsWith(broker.definition().prefix));
  if (left.length > 0) throw new Error(`the tests left virtual hosts behind: ${left.join(', ')}`);
}

/** No process and no file of this run is left. Processes get a moment to end. */
export async function assertNothingIsLeft(folder: string): Promise<void> {
  try {
    await eventually(() => {
      const left = [...processesOf(folder), ...filesIn(folder)];
      if (left.length > 0) throw new Error(`the tests left behind:\n${left.map((one) => `  ${one}`).join('\n')}`);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
    process.env.TMPDIR = join(folder, '..');
  }
}

/** But for the lock that testcontainers takes while it looks for its reaper, and leaves. */
function filesIn(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => !/^testcontainers-node.*\.lock$/.test(name));
  return names.map((name) => join(folder, name));
}

/** Processes whose command line or environment names the folder, but for vitest's own workers. Linux only. */
function processesOf(folder: string): string[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = contentOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      if (command === '' || command.includes('vitest')) return []; // ended, or a worker
      const named = `${command}\n${contentOf(`/proc/${pid}/environ`)}`.includes(folder);
      return named ? [`process ${pid}: ${command.slice(0, 200)}`] : [];
    });
}

/** Folders of runs that were killed. Their brokers end by themselves. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // another user's: theirs to remove
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Empty when it is gone, or somebody else's. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
