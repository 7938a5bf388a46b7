import type { Logger } from '@surehop/core';

export interface Line {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines, for tests that read what an operator would. */
export function keepingLogger(): { readonly log: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const log = {} as Logger;
  for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) {
    log[level] = (fields, message) => void lines.push({ level, message, fields });
  }
  return { log, lines };
}
