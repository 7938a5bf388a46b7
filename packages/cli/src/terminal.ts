import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Standard input, and whether a person types it. */
export type InputStream = Readable & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };
/** Standard output or error, and what it is. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** What a program sees of the world in which it was started. A value, so that tests can give another one. */
export interface Terminal {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Environment;
}

export type Format = Parameters<typeof styleText>[0];
/** Gives a text colours, or leaves it as it is. */
export type Paint = (format: Format, text: string) => string;

/** Colours for a person at a terminal who did not refuse them (https://no-color.org); none for anything else. */
export function paintFor(stream: OutputStream, env: Environment): Paint {
  const wanted = stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  if (!wanted) return (_format, text) => text;
  return (format, text) => styleText(format, text, { validateStream: false });
}

const usualColumns = 80;

/** The columns of a terminal; undefined where lines need not be cut, since nobody looks at them on a screen. */
export function columnsOf(stream: OutputStream): number | undefined {
  if (stream.isTTY !== true) return undefined;
  return stream.columns === undefined || stream.columns <= 0 ? usualColumns : stream.columns;
}

/** Whether somebody can be asked: the question goes to standard error, the answer comes from standard input. */
export function canAsk({ stdin, stderr }: Terminal): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}
