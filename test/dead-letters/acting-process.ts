import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, importDeadLetters, openDeadLetters, type Selection } from '@surehop/dead-letters';
import { keepingLogger } from '../connection/lines.ts';

/** What a process is to do with a queue of dead letters. */
export interface Assignment {
  readonly url: string;
  readonly queue: string;
  readonly action: 'replay' | 'discard' | 'move' | 'export' | 'import';
  readonly selection?: Selection;
  /** Of a move or an import. */
  readonly to?: string;
  /** Of an export or an import. */
  readonly file?: string;
  readonly all?: boolean;
  /** Of a replay: gives each a new body. */
  readonly edits?: boolean;
  readonly resume?: { readonly run: string; readonly startedAt: number };
}

/** What it says: how far it is, and in the end its report. */
interface Said {
  readonly looked?: number;
  readonly done?: number;
  readonly begun?: string;
  readonly report?: { readonly done?: number; readonly imported?: number };
}

/** A process that acts on dead letters, to be killed. */
export class ActingProcess implements AsyncDisposable {
  looked = 0;
  done = 0;
  /** Its run, as the audit log has it. */
  run: string | undefined;
  report: Said['report'];
  readonly ended: Promise<unknown>;
  readonly #process: ChildProcess;

  constructor(assignment: Assignment) {
    const program = fileURLToPath(import.meta.url);
    this.#process = spawn(process.execPath, [program, JSON.stringify(assignment)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', ({ looked, done, begun, report }: Said) => {
      this.looked = looked ?? this.looked;
      this.done = done ?? this.done;
      this.run = begun ?? this.run;
      this.report = report ?? this.report;
    });
    this.ended = once(this.#process, 'exit');
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** What an edited message of this id has for a body. */
function edit({ id }: { readonly id: string }): { readonly content: Uint8Array } {
  return { content: Buffer.from(`edited ${id}`) };
}

async function main(assignment: Assignment): Promise<void> {
  const { url, queue, action, selection = 'all', to = '', file = '', all = false, edits = false, resume } = assignment;
  await using rabbit = await connect({ url, log: keepingLogger().log });
  const say = (said: Said): void => void process.send?.(said);
  const audit = {
    write: async ({ event, run }: { event: string; run: string }) =>
      event === 'begin' ? say({ begun: run }) : undefined,
  };
  const options = { onProgress: ({ looked, done }: { looked: number; done: number }) => say({ looked, done }) };
  const acting = { ...options, all, ...(resume !== undefined && { resume }) };
  const letters = openDeadLetters(rabbit, queue, { by: 'a process', audit, acceptsDeliveryCount: true });
  if (action === 'replay') say({ report: await letters.replay(selection, edits ? { ...acting, edit } : acting) });
  else if (action === 'discard') say({ report: await letters.discard(selection, acting) });
  else if (action === 'move') say({ report: await letters.move(selection, to, acting) });
  else if (action === 'export') say({ report: await letters.export(selection, { file, ...acting }) });
  else say({ report: await importDeadLetters(rabbit, { file, to, by: 'a process', audit, ...options }) });
}

const [, program, assignment] = process.argv;
if (program === fileURLToPath(import.meta.url) && assignment !== undefined) {
  await main(JSON.parse(assignment));
  process.disconnect();
}
