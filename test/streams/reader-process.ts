import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connect, createStreamReader, defineStream, type PositionStore } from '@surehop/consumer';
import { keepingLogger } from '../connection/lines.ts';

/** What a reader in a process of its own is to do. */
export interface Assignment {
  readonly url: string;
  readonly stream: string;
  readonly maxBytes: number;
  /** Where it writes what it has handled, a line each. */
  readonly ledger: string;
  readonly positions: string;
  readonly saveEvery: number;
}

/** A reader in a process of its own, to be killed. */
export class ReaderProcess implements AsyncDisposable {
  readonly ended: Promise<unknown>;
  readonly #process: ChildProcess;

  constructor(assignment: Assignment) {
    const program = fileURLToPath(import.meta.url);
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    this.#process = spawn(process.execPath, [program, JSON.stringify(assignment)], { stdio: [...stdio] });
    this.ended = once(this.#process, 'exit');
  }

  /** SIGKILL. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}

/** What was handled, in order, by all readers that wrote there. */
export function handledIn(ledger: string): number[] {
  if (!existsSync(ledger)) return [];
  return readFileSync(ledger, 'utf8').split('\n').slice(0, -1).map(Number);
}

/** One position in a file that is replaced as a whole. */
function filePositions(file: string): PositionStore {
  const load = (): number | undefined => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined);
  return {
    load: async () => load(),
    save: async (_name, position) => {
      writeFileSync(`${file}.new`, String(Math.max(position, load() ?? 0)));
      renameSync(`${file}.new`, file);
    },
  };
}

async function main({ url, stream, maxBytes, ledger, positions, saveEvery }: Assignment): Promise<void> {
  const rabbit = await connect({ url, waitMs: 60_000, log: keepingLogger().log });
  const contract = defineStream<number>(stream, { maxBytes });
  const store = filePositions(positions);
  const handler = async ({ body }: { body: number }): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 1)); // so that a death finds it at work
    appendFileSync(ledger, `${body}\n`);
  };
  await createStreamReader(rabbit, contract, handler, { store, saveEvery });
}

const [, program, assignment] = process.argv;
if (program === fileURLToPath(import.meta.url) && assignment !== undefined) await main(JSON.parse(assignment));
