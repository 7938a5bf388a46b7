import type { Readable } from 'node:stream';
import { isSurehopError } from '@surehop/core';
import type { Publisher, RawDestination } from '@surehop/publisher';
import { failureText } from '../failure.ts';
import { type Line, linesOf } from '../lines.ts';
import type { Draft } from './message-line.ts';

/** What became of the lines of one input. */
export interface PublishReport {
  /** Read, empty ones and those before `fromLine` included. */
  lines: number;
  /** The broker has them. */
  stored: number;
  /** Lines that are no message, and messages that can be published by nobody: too large, say. The rest went on. */
  damaged: number;
  /** Of those, the first ones. */
  problems: { readonly line: number; readonly why: string }[];
  /** Sent, or about to be, when it stopped: whether they are stored is not known. */
  unknown: number;
  /** The first line that may not be stored, when it did not get to the end: where to go on. */
  goOnAt: number | undefined;
}

export interface PublishRun {
  /** It is destroyed when the run stops before its end. */
  readonly input: Readable;
  readonly publisher: Pick<Publisher, 'publishTo'>;
  readonly destination: RawDestination;
  /** @throws {DamagedLineError} */
  readonly draftOf: (line: Buffer) => Draft;
  readonly fromLine: number;
  readonly maxLineBytes: number;
  /** From reading a line to its confirm, in milliseconds. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly onProblem: (line: number, why: string) => void;
  readonly onProgress: (report: Readonly<PublishReport>) => void;
}

/** As many as the publisher has on their way at once: more would only wait in memory. */
const maxOnTheWay = 1_000;
const maxBytesOnTheWay = 64 * 1_024 * 1_024;
const problemsKept = 1_000;

/** What is the matter with one message, and with none of the others. */
const ownFault = [
  'SUREHOP_MESSAGE_TOO_LARGE',
  'SUREHOP_HEADERS_TOO_LARGE',
  'SUREHOP_PROPERTIES_INVALID',
  'SUREHOP_OPTION_INVALID',
] as const;

/**
 * Publishes each line and waits for every confirm. A line that is no message is passed over; what would befall the others
 * as well (no such queue, no broker) ends it.
 *
 * @returns the report, and the error that ended it
 */
export async function publishLines(run: PublishRun): Promise<{ report: PublishReport; error: unknown }> {
  const publishing = new Publishing(run);
  const onAbort = (): void => publishing.stop(run.signal.reason);
  if (run.signal.aborted) onAbort();
  run.signal.addEventListener('abort', onAbort);
  try {
    for await (const line of linesOf(run.input, run.maxLineBytes)) {
      if (!(await publishing.take(line))) break;
    }
  } catch (thrown) {
    publishing.stop(thrown); // the input cannot be read
  }
  await publishing.settled();
  run.signal.removeEventListener('abort', onAbort);
  return { report: publishing.report, error: publishing.error };
}

class Publishing {
  readonly report: PublishReport = { lines: 0, stored: 0, damaged: 0, problems: [], unknown: 0, goOnAt: undefined };
  error: unknown;
  readonly #run: PublishRun;
  readonly #onTheWay = new Map<number, Promise<void>>();
  #bytes = 0;

  constructor(run: PublishRun) {
    this.#run = run;
  }

  /** False once nothing more is to be taken. */
  async take({ number, bytes }: Line): Promise<boolean> {
    const { fromLine, maxLineBytes } = this.#run;
    await this.#room();
    if (this.error !== undefined) return false;
    this.report.lines = number;
    if (number < fromLine || bytes?.length === 0) return true;
    if (bytes === undefined) this.#problem(number, `it is longer than ${maxLineBytes} bytes`);
    else this.#publish(number, bytes);
    return true;
  }

  /** Takes nothing more, and waits for no more input. What is on its way is waited for. */
  stop(error: unknown): void {
    if (this.error !== undefined) return;
    this.error = error;
    this.#run.input.destroy();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#onTheWay.values());
    if (this.error !== undefined) this.report.goOnAt ??= this.report.lines + 1;
  }

  async #room(): Promise<void> {
    while (this.#onTheWay.size >= maxOnTheWay || this.#bytes > maxBytesOnTheWay) {
      const [oldest] = this.#onTheWay.values();
      await oldest;
    }
  }

  #publish(line: number, bytes: Buffer): void {
    let draft: Draft;
    try {
      draft = this.#run.draftOf(bytes);
    } catch (thrown) {
      this.#problem(line, (thrown as Error).message);
      return;
    }
    const { publisher, destination, deadlineMs } = this.#run;
    const { content, properties } = draft;
    this.#bytes += content.length;
    const settled = publisher.publishTo(destination, content, properties, { deadlineMs }).then(
      () => {
        this.report.stored += 1;
      },
      (thrown: unknown) => this.#failed(line, thrown),
    );
    const done = settled.then(() => {
      this.#bytes -= content.length;
      this.#onTheWay.delete(line);
      this.#run.onProgress(this.report);
    });
    this.#onTheWay.set(line, done);
  }

  #failed(line: number, thrown: unknown): void {
    if (ownFault.some((code) => isSurehopError(thrown, code))) {
      this.#problem(line, failureText(thrown));
      return;
    }
    if (isSurehopError(thrown, 'SUREHOP_PUBLISH_UNKNOWN')) this.report.unknown += 1;
    this.report.goOnAt = Math.min(line, this.report.goOnAt ?? line);
    this.stop(thrown);
  }

  #problem(line: number, why: string): void {
    const { report } = this;
    report.damaged += 1;
    if (report.problems.length < problemsKept) report.problems.push({ line, why });
    this.#run.onProblem(line, why);
  }
}
