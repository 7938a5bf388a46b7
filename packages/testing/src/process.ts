import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** One process, told apart from a later one that was given the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the operating system's own words. */
  readonly startedAt: string;
}

/** Undefined when there is no such process, or only what is left of it until its parent asks. */
export function identify(pid: number): ProcessIdentity | undefined {
  const startedAt = existsSync('/proc/self/stat') ? startFromProc(pid) : startFromPs(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function isRunning(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startedAt === process.startedAt;
}

/** Ends the process and those of its group with SIGKILL. Resolves when it is gone, at once when it was. */
export async function endProcess(identity: ProcessIdentity): Promise<void> {
  if (!isRunning(identity)) return;
  try {
    process.kill(-identity.pid, 'SIGKILL');
  } catch {
    kill(identity, 'SIGKILL'); // it leads no group
  }
  await untilEnded(identity, 5_000);
}

/** Sends a signal, unless the process has ended. */
export function kill(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Stops the process with SIGSTOP. Returns when each of its threads has stopped, where the system tells: on a busy machine
 * some of them go on for milliseconds.
 */
export function freezeProcess(identity: ProcessIdentity): void {
  kill(identity, 'SIGSTOP');
  const giveUpAt = performance.now() + 1_000;
  while (performance.now() < giveUpAt) {
    if (threadStates(identity.pid).every((state) => state === 'T' || state === 't')) return;
  }
}

/** One letter for each thread; none where the system does not tell, or the process has ended. */
function threadStates(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  try {
    return readdirSync(tasks).map((task) => {
      const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8');
      return stat.charAt(stat.lastIndexOf(')') + 2);
    });
  } catch {
    return existsSync(tasks) ? ['?'] : []; // a thread has ended meanwhile: to be asked again
  }
}

export async function untilEnded(identity: ProcessIdentity, timeoutMs: number): Promise<void> {
  await eventually(() => {
    if (isRunning(identity)) throw new Error(`Process ${identity.pid} still runs after ${timeoutMs} ms.`);
  }, timeoutMs);
}

function startFromProc(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // `pid (any name) state ppid …`: the name may hold spaces and parentheses; the start is the 20th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

function startFromPs(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return line === '' || line.startsWith('Z') ? undefined : line.slice(line.indexOf(' ')).trim();
  } catch {
    return undefined;
  }
}
