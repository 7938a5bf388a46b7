import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { UsageError } from './options.ts';

/** One line of the input. */
export interface OrderEvent {
  /** Unique within a run; the message id. */
  readonly id: string;
  /** From 1. */
  readonly line: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Input {
  readonly events: readonly OrderEvent[];
  /** How many lines were no JSON object and were left out. */
  readonly badLines: number;
}

/**
 * Reads newline-delimited JSON. Empty lines are skipped; a line that is no JSON object is told and left out.
 *
 * @param path a file, or `-` for standard input
 * @param onBadLine gets the line's number, from 1, and what is wrong with it
 * @throws {UsageError} it cannot be read
 */
export async function readEvents(path: string, onBadLine: (line: number, why: string) => void): Promise<Input> {
  const events: OrderEvent[] = [];
  let [line, badLines] = [0, 0];
  try {
    const input = path === '-' ? process.stdin : createReadStream(path);
    for await (const text of linesOf(input)) {
      line += 1;
      const trimmed = text.replace(/^\uFEFF/, '').trim();
      if (trimmed === '') continue;
      const body = objectIn(trimmed);
      if (typeof body !== 'string') {
        events.push({ id: `line-${line}`, line, body });
        continue;
      }
      badLines += 1;
      onBadLine(line, body);
    }
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return { events, badLines };
}

/** readline swallows an error of the stream it reads, so it is passed on here. */
async function* linesOf(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  let failure: Error | undefined;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  input.on('error', (error) => {
    failure = error;
    lines.close();
  });
  yield* lines;
  if (failure !== undefined) throw failure;
}

/** The object, or what is wrong with the line. */
function objectIn(text: string): Readonly<Record<string, unknown>> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `no JSON: ${(error as Error).message}`;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return `no JSON object but ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}`;
}
