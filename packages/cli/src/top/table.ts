import { oneLine } from '../printable.ts';
import { number } from '../progress.ts';
import type { Format, Paint } from '../terminal.ts';
import type { Row } from './rows.ts';

export interface TableOptions {
  /** Of the terminal; undefined where lines need not be cut. */
  readonly columns: number | undefined;
  /** Lines for rows; undefined for all. */
  readonly height: number | undefined;
  readonly paint: Paint;
}

interface Column {
  readonly title: string;
  readonly text: (row: Row) => string;
  readonly format?: (row: Row) => Format | undefined;
  /** Whether there is anything to show. */
  readonly isShown?: (rows: readonly Row[]) => boolean;
}

const unknown = '-';

const allColumns: readonly Column[] = [
  {
    title: 'READY',
    text: (row) => count(row.ready),
    format: (row) => ((row.ready ?? 0) > 0 && row.consumers === 0 ? 'yellow' : undefined),
  },
  { title: 'IN HAND', text: (row) => count(row.unacknowledged) },
  { title: 'IN/s', text: (row) => rate(row.inPerSecond) },
  { title: 'OUT/s', text: (row) => rate(row.outPerSecond) },
  { title: 'RETRY', text: (row) => count(row.retrying) },
  {
    title: 'WAIT',
    text: ({ waiting }) => (waiting === undefined ? '' : count(waiting.messages)),
    format: ({ waiting }) => ((waiting?.messages ?? 0) > 0 && waiting?.consumers === 0 ? 'yellow' : undefined),
    isShown: (rows) => rows.some(({ waiting }) => waiting !== undefined),
  },
  {
    title: 'DEAD',
    text: (row) => count(row.deadLetters),
    format: (row) => ((row.deadLetters ?? 0) > 0 ? 'red' : undefined),
  },
  {
    title: 'CONS',
    text: (row) => count(row.consumers),
    format: (row) => ((row.ready ?? 0) > 0 && row.consumers === 0 ? 'yellow' : undefined),
  },
];

const shortestName = 12;
const gap = '  ';

/** Lines of a table: a head, and one for each row. Nothing is wider than the terminal. */
export function tableLines(rows: readonly Row[], { columns: width, height, paint }: TableOptions): string[] {
  const shown = height === undefined || rows.length <= height ? rows : rows.slice(0, Math.max(0, height - 1));
  const columns = allColumns.filter(({ isShown }) => isShown?.(rows) ?? true);
  const widths = columns.map(({ title, text }) => Math.max(title.length, ...shown.map((row) => text(row).length)));
  const fixed = widths.reduce((total, one) => total + gap.length + one, 0);
  const longest = Math.max(5, ...shown.map((row) => nameOf(row).length));
  const nameWidth = width === undefined ? longest : Math.min(longest, Math.max(shortestName, width - fixed));
  const left = width === undefined ? Number.POSITIVE_INFINITY : width - nameWidth - fixed - gap.length;
  const detailWidth = left >= 'RUNGS'.length ? left : 0;

  const head = ['QUEUE'.padEnd(nameWidth), ...columns.map(({ title }, index) => title.padStart(widths[index] ?? 0))];
  if (detailWidth > 0 && rows.some(({ rungs }) => rungs.length > 0)) head.push('RUNGS');
  const lines = shown.map((row) => {
    const cells = columns.map(({ text, format }, index) => {
      const cell = text(row).padStart(widths[index] ?? 0);
      const wanted = format?.(row);
      return wanted === undefined ? cell : paint(wanted, cell);
    });
    const detail = cut(rungText(row), detailWidth);
    return [cut(nameOf(row), nameWidth).padEnd(nameWidth), ...cells, ...(detail === '' ? [] : [detail])].join(gap);
  });
  const more = rows.length - shown.length;
  return [
    paint('bold', head.join(gap)),
    ...lines,
    ...(more > 0 ? [cut(`and ${more} more: name the queues to see only them`, width)] : []),
  ];
}

function nameOf({ queue, trouble }: Row): string {
  const name = oneLine(queue);
  return trouble === undefined ? name : `${name} (${trouble})`;
}

/** `1s 3, 10s 12`: only rungs in which there is something. */
function rungText({ rungs }: Row): string {
  return rungs
    .filter(({ messages }) => messages !== 0)
    .map(({ delayMs, messages }) => `${shortDelay(delayMs)} ${count(messages)}`)
    .join(', ');
}

function shortDelay(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

function count(value: number | undefined): string {
  return value === undefined ? unknown : number(value);
}

function rate(value: number | undefined): string {
  if (value === undefined) return unknown;
  return number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

export function cut(text: string, width: number | undefined): string {
  if (width === undefined || text.length <= width) return text;
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`;
}
