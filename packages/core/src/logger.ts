import { pino } from 'pino';
import { isSurehopError } from './errors.ts';
import { invalid, kindOf } from './option-checks.ts';
import { callUser } from './user-callback.ts';

/** One level of a pino-shaped logger. */
export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** What this SDK needs of a logger. `pino()`, its children, Fastify's and `console` fit. */
export interface Logger {
  trace: LogMethod;
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
}

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;

/** Refuses what would swallow lines: a logger without one of the five methods. */
export function checkLogger(option: string, value: unknown): asserts value is Logger {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    invalid(`${option} must be a logger, got ${kindOf(value)}`);
  }
  const missing = levels.filter((level) => typeof (value as Partial<Logger>)[level] !== 'function');
  if (missing.length > 0) invalid(`${option} must be a logger: it has no method ${missing.join(', ')}`);
}

/** Structured lines on standard error, from `warn` up. */
export function defaultLogger(): Logger {
  return pino({ name: 'surehop', level: 'warn' }, pino.destination({ dest: 2, sync: true }));
}

/**
 * The same logger, with fixed fields, and safe to call anywhere: what a user's logger throws, or rejects with, must
 * not break the settling of a message.
 */
export function guardedLogger(log: Logger, bindings: Readonly<Record<string, unknown>> = {}): Logger {
  const guarded = {} as Logger;
  for (const level of levels) {
    guarded[level] = (fields, message) => {
      callUser(() => log[level]({ ...bindings, ...fields }, message), nobodyLeftToTell);
    };
  }
  return guarded;
}

const nobodyLeftToTell = (): void => undefined;

/** An error as fields of a log line: no stack of ours, no payload, the chain of causes in short. */
export function errorFields(error: unknown): { readonly error: string; readonly code?: unknown } {
  if (error instanceof Error && error.cause === undefined && typeof error.message === 'string')
    return withCode(error.message, error);
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth += 1) {
    if (!parts.at(-1)?.includes(current.message)) parts.push(current.message);
    // Below it, a parser quotes what it could not read: that is payload.
    current = isSurehopError(current, 'SUREHOP_BODY_INVALID') ? undefined : current.cause;
  }
  const text = parts.length === 0 ? String(error) : parts.join(': ');
  return withCode(text, error);
}

function withCode(text: string, error: unknown): { readonly error: string; readonly code?: unknown } {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === undefined ? { error: text } : { error: text, code };
}
