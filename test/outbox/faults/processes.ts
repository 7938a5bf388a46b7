import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Assignment {
  readonly amqpUrl: string;
  readonly databaseUrl: string;
  /** Of a worker. */
  readonly concurrency: number;
}

/** A relay or a worker as a process of its own. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** Resolves when it is at work. */
  static async start(role: 'relay' | 'worker', assignment: Assignment): Promise<Child> {
    const child = new Child(role, assignment);
    await Promise.race([
      once(child.#process, 'message'),
      child.#ended.then(() => Promise.reject(new Error(`the ${role} ended while it started`))),
    ]);
    return child;
  }

  private constructor(role: string, assignment: Assignment) {
    const program = fileURLToPath(new URL(`./${role}-process.ts`, import.meta.url));
    this.#process = spawn(process.execPath, [program, JSON.stringify(assignment)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#ended = once(this.#process, 'exit');
  }

  /** With SIGKILL. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
