import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, type Logger, type Rabbit } from '@surehop/core';
import { type Assignment, type Command, heartbeatSeconds, journalDescriptor, topologyCheckMs } from './assignment.ts';
import { type JournalRecord, lineOf } from './record.ts';

/** Returns when it is in the file: a kill right after the call loses nothing. */
export function record(...records: readonly JournalRecord[]): void {
  writeSync(journalDescriptor, records.map(lineOf).join(''));
}

/**
 * What both programs under test owe their supervisor: their memory every second, what nobody caught, obedience, and
 * their end when the supervisor's end of standard input closes, for whatever reason.
 */
export function face(obey: (command: Command) => void): void {
  process.on('SIGINT', () => undefined); // a terminal sends it to us as well; the supervisor decides
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      record({ type: 'unhandled', at: Date.now(), text: `${event}: ${text}` });
    });
  }
  setInterval(() => record({ type: 'memory', at: Date.now(), bytes: process.memoryUsage.rss() }), 1_000).unref();
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    if (!line.startsWith('block ')) obey(line as Command);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(line.slice('block '.length)));
  });
  lines.on('close', () => process.exit(1));
}

export function connected({ urls, name }: Assignment): Promise<Rabbit> {
  const log = toStandardError();
  return orGiveUp(connect({ url: urls, name, waitMs: 60_000, heartbeatSeconds, topologyCheckMs, log }));
}

/** As services do whose start fails: end, and be started again. */
export async function orGiveUp<T>(starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    writeSync(2, `could not start: ${String(error)}\n`);
    process.exit(1);
  }
}

/** One line each, written before the call returns. Debugging lines are left out: they would be most of the file. */
function toStandardError(): Logger {
  const log = {} as Logger;
  for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) {
    const isKept = level !== 'trace' && level !== 'debug';
    log[level] = (fields, message) => {
      if (isKept) writeSync(2, `${new Date().toISOString()} ${level} ${message} ${JSON.stringify(fields)}\n`);
    };
  }
  return log;
}
