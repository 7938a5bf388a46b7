import type { Logger, LogMethod } from '@surehop/core';
import type { Context } from './context.ts';

const silent: LogMethod = () => undefined;

/** What the libraries warn of, as lines for a person on standard error. */
export function textLogger(context: Context): Logger {
  const at =
    (level: string): LogMethod =>
    (fields, message) =>
      context.note(`${context.paintNotes('yellow', `${level}:`)} ${message}${fieldText(fields)}`);
  return { trace: silent, debug: silent, info: silent, warn: at('warning'), error: at('error') };
}

function fieldText(fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  if (shown.length === 0) return '';
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return ` (${shown.map(([name, value]) => `${name}: ${text(value)}`).join(', ')})`;
}
