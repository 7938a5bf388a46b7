import { SurehopError } from '@surehop/core';

/** A filter that cannot be read. Its message shows the place, with a caret under it. */
export class FilterError extends SurehopError {
  override readonly name = 'FilterError';
  /** Where it stopped making sense, in UTF-16 units from 0. */
  readonly position: number;

  constructor(why: string, text: string, position: number, options: { cause?: unknown } = {}) {
    const what = `the filter cannot be read: ${why}, at position ${position}`;
    super('SUREHOP_FILTER_INVALID', `${what}\n${pointedAt(text, position)}`, { retryable: false, ...options });
    this.position = position;
  }
}

/** So much of a long filter is shown on either side of the place. */
const shownAround = 60;

/** The line with the place, and a caret below it. */
function pointedAt(text: string, position: number): string {
  const lineStart = text.lastIndexOf('\n', position - 1) + 1;
  const lineEnd = text.indexOf('\n', position);
  const from = Math.max(lineStart, position - shownAround);
  const to = Math.min(lineEnd === -1 ? text.length : lineEnd, position + shownAround);
  const [before, after] = [from > lineStart ? '… ' : '', to < (lineEnd === -1 ? text.length : lineEnd) ? ' …' : ''];
  const shown = text.slice(from, to).replaceAll(/\p{Cc}/gu, ' ');
  const indent = ' '.repeat(2 + before.length + (position - from));
  return `  ${before}${shown}${after}\n${indent}^`;
}
