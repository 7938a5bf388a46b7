import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Leftover, removeAll } from './leftover.ts';

/**
 * Remembers what must not outlive a broker, in a process of its own: when ours ends without having cleaned up, killed
 * by SIGKILL even, that one removes it all.
 */
export class Reaper {
  readonly #child: ChildProcess;
  readonly #leftovers: Leftover[] = [];
  #closing: Promise<void> | undefined;

  constructor() {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const program = fileURLToPath(new URL(`./reaper-process.${extension}`, import.meta.url));
    // A session of its own, so that neither Ctrl-C nor the end of our process group reaches it.
    this.#child = spawn(process.execPath, [program], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#child.on('error', () => {}); // close() then removes everything itself
    this.#child.stdin?.on('error', () => {});
    this.#child.unref();
    (this.#child.stdin as unknown as { unref(): void }).unref();
  }

  /** To be called before the thing exists where that is possible, so that no crash falls in between. */
  add(leftover: Leftover): void {
    this.#leftovers.push(leftover);
    this.#child.stdin?.write(`${JSON.stringify(leftover)}\n`);
  }

  /** Resolves when everything is removed. Safe to call twice. @throws {AggregateError} what could not be removed */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await removeAll(this.#leftovers); // where this fails, the other process tries again when we end
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.ref();
    this.#child.kill('SIGKILL'); // there is nothing left for it to do
    await exited;
  }
}
