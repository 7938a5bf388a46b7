import { type FileHandle, open } from 'node:fs/promises';
import { SurehopError } from '@surehop/core';
import type { OutgoingMessage, RabbitInternals } from '@surehop/core/internal';
import { importCopy } from './copies.ts';
import { assertSameTarget, type ImportJournal, type ImportProgress, mismatch } from './import-journal.ts';
import { ImportLines, type NumberedLine } from './import-lines.ts';
import type { ImportReport } from './import-options.ts';
import { readLine } from './line.ts';
import { type Run, settledCopies } from './run.ts';
import { usable } from './sink.ts';

export interface ImportingOptions {
  readonly file: string;
  readonly handle: FileHandle;
  /** Of the file, in bytes. */
  readonly size: number;
  readonly journal: ImportJournal;
  readonly to: string | undefined;
  readonly dryRun: boolean;
}

/** Lines that are sent together; how far it came is written down after each such group. */
interface Batch {
  readonly rejected: Buffer[];
  /** The numbers of those that are stored, or rejected. */
  readonly settled: Set<number>;
  /** The queue that has refused one: nothing more is sent. */
  refusal: string | undefined;
}

const mostNamed = 1_000;

/** One import under way. */
export class Importing {
  readonly #internals: RabbitInternals;
  readonly #run: Run;
  readonly #options: ImportingOptions;
  readonly #lines: ImportLines;
  readonly #damaged: { line: number; why: string }[] = [];
  #damagedCount = 0;
  #imported = 0;
  #hasRejected = false;
  /** Settled before by an earlier import, and behind what that could write down as done. */
  #settledBehind: readonly number[] = [];

  constructor(internals: RabbitInternals, run: Run, options: ImportingOptions) {
    this.#internals = internals;
    this.#run = run;
    this.#options = options;
    this.#lines = new ImportLines(options.handle);
  }

  async run(): Promise<ImportReport> {
    const { signal, run, tally } = this.#run;
    const before = await this.#goOn();
    let isCancelled = false;
    for (;;) {
      isCancelled = signal.aborted;
      const lines = isCancelled ? [] : await usable(this.#options.file, () => this.#lines.next());
      if (lines.length === 0) break;
      this.#guessTotal(lines, before?.bytes ?? 0);
      if (!(await this.#import(lines, before))) {
        isCancelled = true;
        break;
      }
    }
    if (!isCancelled) await this.#mark(before, { isFinished: true });
    tally.tellEnd();
    return {
      run,
      imported: this.#imported,
      alreadyImported: before?.imported ?? 0,
      damaged: this.#damaged.sort((one, other) => one.line - other.line),
      damagedCount: this.#damagedCount,
      rejectedFile: this.#hasRejected ? this.#rejectedFile : undefined,
      isCancelled,
    };
  }

  get #rejectedFile(): string {
    return `${this.#options.file}.rejected`;
  }

  /** What was done before is passed over. */
  async #goOn(): Promise<ImportProgress | undefined> {
    const { journal, file, to } = this.#options;
    const before = await journal.read();
    if (before === undefined) return undefined;
    assertSameTarget(file, before, to);
    this.#settledBehind = before.settledBehind;
    if (await usable(file, () => this.#lines.skip(before))) return before;
    throw mismatch(`${file} has changed in the part that was imported before`);
  }

  /**
   * False when it was cancelled before all of them had an answer.
   *
   * @throws {SurehopError} SUREHOP_REFUSED, SUREHOP_ACCESS_REFUSED; what was done until then is written down
   */
  async #import(lines: readonly NumberedLine[], before: ImportProgress | undefined): Promise<boolean> {
    const settled = new Set(this.#settledBehind);
    const batch: Batch = { rejected: [], settled, refusal: undefined };
    try {
      await this.#sendAll(lines, batch);
      await settledCopies(this.#run, this.#internals);
    } finally {
      await this.#note(lines, batch, before);
    }
    if (batch.refusal !== undefined) throw refused(batch.refusal);
    return lines.every(({ number }) => settled.has(number));
  }

  /** As many lines as the file would have, were the rest of it as those that were read. */
  #guessTotal(lines: readonly NumberedLine[], from: number): void {
    const { tally } = this.#run;
    const read = (lines.at(-1)?.end ?? from) - from;
    if (read > 0) tally.total = Math.round(((tally.looked + lines.length) * (this.#options.size - from)) / read);
  }

  async #sendAll(lines: readonly NumberedLine[], batch: Batch): Promise<void> {
    const { lane, signal } = this.#run;
    for (const line of lines) {
      if (batch.settled.has(line.number)) continue;
      const copy = this.#copyOf(line);
      if ('why' in copy) {
        this.#reject(batch, line, copy.why);
        continue;
      }
      if (this.#options.dryRun) {
        this.#imported += 1;
        batch.settled.add(line.number);
        continue;
      }
      await lane.room(signal).catch((thrown: unknown) => {
        if (!(signal.aborted && thrown === signal.reason)) throw thrown;
      });
      if (signal.aborted || batch.refusal !== undefined) return;
      this.#send(batch, line, copy.copy);
    }
  }

  #send(batch: Batch, line: NumberedLine, copy: OutgoingMessage): void {
    this.#run.lane.send(copy, (result) => {
      if (result.stored) {
        batch.settled.add(line.number);
        this.#imported += 1;
        this.#run.tally.settle(true, true);
      } else if (result.isRefused) batch.refusal ??= copy.routingKey;
      else this.#reject(batch, line, result.why);
    });
  }

  #copyOf({ bytes }: NumberedLine): { readonly copy: OutgoingMessage } | { readonly why: string } {
    const { tally, lane } = this.#run;
    tally.look();
    if (bytes === undefined) return { why: 'it is longer than any message; it is not in the file of rejected lines' };
    const read = readLine(bytes.toString());
    if ('why' in read) return read;
    tally.match();
    const { session } = this.#internals.publishLink;
    const limits = { frameMax: lane.frameMax, newId: this.#internals.effects.newId };
    return importCopy(read, this.#options.to ?? read.queue, session?.username, limits);
  }

  #reject(batch: Batch, { number, bytes }: NumberedLine, why: string): void {
    batch.settled.add(number);
    if (bytes !== undefined) batch.rejected.push(bytes);
    this.#damagedCount += 1;
    if (this.#damaged.length < mostNamed) this.#damaged.push({ line: number, why });
  }

  /**
   * Writes down what became of these lines: first those that were rejected, then how far it came. Up to the first that has no
   * answer all are done with; those behind it are named one by one.
   */
  async #note(lines: readonly NumberedLine[], batch: Batch, before: ImportProgress | undefined): Promise<void> {
    if (this.#options.dryRun) return;
    if (batch.rejected.length > 0) {
      await usable(this.#rejectedFile, () => appendLines(this.#rejectedFile, batch.rejected));
      this.#hasRejected = true;
    }
    const open = lines.findIndex(({ number }) => !batch.settled.has(number));
    const done = open < 0 ? lines : lines.slice(0, open);
    const last = done.at(-1)?.number ?? Number.NEGATIVE_INFINITY;
    this.#settledBehind = [...batch.settled].filter((number) => number > last).toSorted((one, other) => one - other);
    await this.#mark(before, { isFinished: false, done: open < 0 ? undefined : done });
  }

  /** @param done of the lines that were read last, those that are done with; undefined: all */
  async #mark(
    before: ImportProgress | undefined,
    { isFinished, done }: { readonly isFinished: boolean; readonly done?: readonly NumberedLine[] | undefined },
  ): Promise<void> {
    const { dryRun, file, journal, to } = this.#options;
    if (dryRun) return;
    const position =
      done === undefined ? this.#lines.position : await usable(file, () => this.#lines.positionAfter(done));
    await journal.write({
      ...position,
      to: to ?? null,
      imported: (before?.imported ?? 0) + this.#imported,
      damaged: (before?.damaged ?? 0) + this.#damagedCount,
      settledBehind: this.#settledBehind,
      isFinished,
    });
  }
}

async function appendLines(path: string, lines: readonly Buffer[]): Promise<void> {
  const newline = Buffer.from('\n');
  const handle = await open(path, 'a', 0o600);
  try {
    await handle.appendFile(Buffer.concat(lines.flatMap((line) => [line, newline])));
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

function refused(to: string): SurehopError {
  const what = `queue ${JSON.stringify(to)} refuses messages: it is full, or unavailable. What was imported before is noted`;
  return new SurehopError('SUREHOP_REFUSED', `${what}; the same call goes on there`, { retryable: true });
}
