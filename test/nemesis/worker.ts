import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { eventually, type FaultProxy } from '@surehop/testing';
import type { Assignment, Command, Role } from './assignment.ts';
import { bytesOf, Journal, openNameless } from './journal.ts';

export interface WorkerOptions {
  readonly role: Role;
  readonly name: string;
  readonly urls: readonly string[];
  /** One per node, in the order of the nodes. */
  readonly proxies: readonly FaultProxy[];
  readonly seed: number;
  readonly rate: number;
  /** Gives every process that is started numbers of its own. */
  readonly numbers: () => number;
}

const programs: Readonly<Record<Role, string>> = {
  publisher: fileURLToPath(new URL('./publishing.ts', import.meta.url)),
  consumer: fileURLToPath(new URL('./consuming.ts', import.meta.url)),
};

/** A publishing or consuming service of one process at a time, which is started again whenever it has ended. */
export class Worker {
  readonly role: Role;
  readonly name: string;
  readonly proxies: readonly FaultProxy[];
  readonly journal: Journal = new Journal();
  readonly #log: number = openNameless();
  readonly #options: WorkerOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #isWanted = true;
  #starts = 0;
  #thaw: ChildProcess | undefined;

  constructor(options: WorkerOptions) {
    this.role = options.role;
    this.name = options.name;
    this.proxies = options.proxies;
    this.#options = options;
    this.#start();
  }

  /** How many processes there have been. */
  get starts(): number {
    return this.#starts;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Stops it with SIGSTOP. It goes on by itself after a minute even when nobody is left to call `thaw()`. */
  freeze(): void {
    const { pid } = this.#child ?? {};
    if (pid === undefined) return;
    this.#thaw = spawn('/bin/sh', ['-c', `sleep 60; kill -CONT ${pid}`], { detached: true, stdio: 'ignore' });
    this.#thaw.unref();
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.signal('SIGCONT');
    if (this.#thaw?.pid !== undefined) {
      try {
        process.kill(-this.#thaw.pid, 'SIGKILL'); // with its sleep
      } catch {
        // it has ended
      }
    }
    this.#thaw = undefined;
  }

  tell(command: Command): void {
    this.#child?.stdin?.write(`${command}\n`);
  }

  /** Resolves when the process that runs now has ended. */
  async whenEnded(): Promise<void> {
    await this.#ended;
  }

  /** Lets the process end by itself, without another one. One that does not is killed; resolves to whether it had to be. */
  async retire(ask: () => void, timeoutMs: number): Promise<boolean> {
    this.#isWanted = false;
    this.thaw();
    ask();
    try {
      await eventually(() => this.#assertEnded(), timeoutMs);
      return false;
    } catch {
      await this.end();
      return true;
    }
  }

  /** Ends it at once. Safe to call twice. */
  async end(): Promise<void> {
    this.#isWanted = false;
    this.thaw();
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** What it wrote to standard output and error. */
  readLog(): Buffer {
    return bytesOf(this.#log);
  }

  close(): void {
    this.journal.close();
    closeSync(this.#log);
  }

  #assertEnded(): void {
    if (this.#child !== undefined) throw new Error(`${this.name} still runs`);
  }

  #start(): void {
    const { role, name, urls, seed, rate, numbers } = this.#options;
    const assignment: Assignment = { role, name, urls, seed, rate, firstNumber: numbers() };
    this.#starts += 1;
    const child = spawn(process.execPath, [programs[role], JSON.stringify(assignment)], {
      stdio: ['pipe', this.#log, this.#log, this.journal.descriptor],
    });
    child.stdin?.on('error', () => undefined); // it has ended; 'exit' tells
    this.#child = child;
    this.#ended = once(child, 'exit').then(() => {
      this.#child = undefined;
      if (this.#isWanted) this.#start();
    });
  }
}
