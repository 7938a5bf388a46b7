import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type ConsumerRecord, parseRecord } from './records.ts';

export interface ConsumerProcessOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly onRecord: (record: ConsumerRecord) => void;
  /** It ended although nobody asked it to. */
  readonly onCrash: (cause: Error) => void;
}

const program = fileURLToPath(new URL('consumer.ts', import.meta.url));

/** How long it may take to connect, and to finish what it has in hand, in milliseconds. */
const startTimeoutMs = 30_000;
const stopTimeoutMs = 20_000;

/** The consumer process, as the demo's first process sees it. It can be ended and started again. */
export class ConsumerProcess {
  readonly #options: ConsumerProcessOptions;
  #running: Run | undefined;

  constructor(options: ConsumerProcessOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  /** Resolves when it consumes. */
  async start(): Promise<void> {
    const { env, onRecord, onCrash } = this.#options;
    const child = spawn(process.execPath, [...process.execArgv, program], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => {}); // it was killed: told by its end
    const run = new Run(child, onRecord);
    this.#running = run;
    void run.ended.then((how) => {
      if (this.#running !== run) return;
      this.#running = undefined;
      onCrash(new Error(`the consumer process ended by itself (${how})`));
    });
    await within(startTimeoutMs, run.ready, 'the consumer process did not start');
  }

  /** kill -9. Resolves when it has ended and all it told has been read. */
  async kill(): Promise<void> {
    const run = this.#running;
    this.#running = undefined;
    run?.child.kill('SIGKILL');
    await run?.ended;
  }

  /** Lets it finish what it has in hand. Resolves when it has ended and all it told has been read. */
  async stop(): Promise<void> {
    const run = this.#running;
    if (run === undefined) return;
    this.#running = undefined;
    run.child.stdin.end();
    try {
      await within(stopTimeoutMs, run.ended, 'the consumer process did not stop');
    } catch (error) {
      run.child.kill('SIGKILL');
      throw error;
    }
  }
}

/** One life of the process. */
class Run {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** Resolves when it consumes, or to nothing more when it ends before. */
  readonly ready: Promise<void>;
  /** Resolves to how it ended, once everything it wrote has been read. */
  readonly ended: Promise<string>;

  constructor(child: ChildProcessByStdio<Writable, Readable, null>, onRecord: (record: ConsumerRecord) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.child = child;
    this.ready = promise;
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      const record = parseRecord(line);
      if (record === undefined) return;
      if (record.type === 'ready') resolve();
      onRecord(record);
    });
    // `close` of the child says that its output was read, `close` of the lines that the last of it was handed over.
    this.ended = Promise.all([endOf(child), once(lines, 'close')]).then(([how]) => {
      resolve();
      return how;
    });
  }
}

function endOf(child: ChildProcessByStdio<Writable, Readable, null>): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

async function within<T>(timeoutMs: number, promise: Promise<T>, failure: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${failure} within ${timeoutMs / 1_000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
