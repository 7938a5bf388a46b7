import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Environment, OutputStream } from '../terminal.ts';
import { Tail } from './tail.ts';
import type { ProgramEnd } from './verdict.ts';

/** The program could not be started: no message is to blame. */
class ProgramUnusableError extends Error {
  override readonly name = 'ProgramUnusableError';
}

/** Of standard error, in bytes. */
const reasonBytes = 4_096;
/** Between SIGTERM and SIGKILL, in milliseconds; below the consumer's own grace period. */
const termGraceMs = 3_000;
/** How long what a program left behind may hold its standard error open, in milliseconds. */
const lastWordsMs = 500;

export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly input: Uint8Array;
  /** Ends the program, SIGTERM first. */
  readonly signal: AbortSignal;
  /** Gets a copy of its standard error. */
  readonly stderr: OutputStream;
}

/** Programs that run. They lead process groups of their own, so that Ctrl-C at the terminal lets them finish. */
const running = new Set<ChildProcess>();

// The second Ctrl-C, or a fault of ours, ends this process at once: then they are not left behind.
process.once('exit', () => {
  for (const child of running) signalGroup(child, 'SIGKILL');
});

/** Resolves when none runs any more. Those whose signal was aborted have little time left. */
export async function programsEnded(): Promise<void> {
  while (running.size > 0) await Promise.all([...running].map(ended));
}

/**
 * Runs a program to its end, with the input on its standard input.
 *
 * @throws {ProgramUnusableError} it could not be started
 */
export function runProgramFor({ program, args, env, input, signal, stderr }: ProgramRun): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['pipe', 'inherit', 'pipe'], detached: true });
    running.add(child);
    const tail = new Tail(reasonBytes);
    child.stderr.on('data', (chunk: Buffer) => {
      tail.push(chunk);
      stderr.write(chunk);
    });
    child.stdin.on('error', () => undefined); // a program need not read all of its input
    child.stdin.end(input);

    let kill: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      signalGroup(child, 'SIGTERM');
      kill = setTimeout(() => signalGroup(child, 'SIGKILL'), termGraceMs);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    const forget = (): void => {
      running.delete(child);
      clearTimeout(kill);
      signal.removeEventListener('abort', onAbort);
    };

    child.once('error', (cause) => {
      if (child.pid !== undefined) return; // it runs: a signal could not be sent, and its end is still to come
      forget();
      reject(unusable(program, cause));
    });
    child.once('exit', (code, endSignal) => {
      forget();
      const end = (): void => resolve({ code, signal: endSignal, stderr: tail.text() });
      // Something that it has started may hold the pipe open for ever.
      const timer = setTimeout(() => {
        child.stderr.destroy();
        end();
      }, lastWordsMs);
      child.once('close', () => {
        clearTimeout(timer);
        end();
      });
    });
  });
}

/**
 * Looks whether the program can be started, before any message is taken for it.
 *
 * @throws {ProgramUnusableError}
 */
export async function checkProgram(program: string, env: Environment): Promise<void> {
  const places = program.includes('/')
    ? [program]
    : (env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  let failure: unknown;
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      if ((await stat(place)).isFile()) return;
    } catch (cause) {
      const isThere = (cause as NodeJS.ErrnoException).code === 'EACCES';
      if (failure === undefined || isThere) failure = cause;
    }
  }
  throw unusable(program, failure);
}

function unusable(program: string, cause: unknown): ProgramUnusableError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const why = code === 'ENOENT' || code === undefined ? 'there is no such program' : String(code);
  const what = `the handler ${JSON.stringify(program)} cannot be started: ${why}. No message was settled`;
  return new ProgramUnusableError(what, cause === undefined ? undefined : { cause });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

/** The program and all that it has started and not moved away. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // They have ended.
  }
}
