/** One line of a file, without its line feed. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Undefined of a line that is longer than the limit: it was passed over. */
  readonly bytes: Buffer | undefined;
}

const lineFeed = 0x0a;

/**
 * Splits bytes into lines, as they come, and keeps no more of one than `limitBytes`. A last line needs no line feed.
 *
 * @param limitBytes of one line, without its line feed
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array | string>, limitBytes: number): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  let size = 0;
  const take = (part: Buffer): void => {
    size += part.length;
    if (size <= limitBytes) parts.push(part);
    else parts = [];
  };
  const line = (): Line => {
    number += 1;
    const bytes = size <= limitBytes ? Buffer.concat(parts) : undefined;
    parts = [];
    size = 0;
    return { number, bytes };
  };
  for await (const given of chunks) {
    let rest = Buffer.from(given as Uint8Array);
    for (let end = rest.indexOf(lineFeed); end >= 0; end = rest.indexOf(lineFeed)) {
      take(rest.subarray(0, end));
      yield line();
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) take(rest);
  }
  if (size > 0) yield line();
}
