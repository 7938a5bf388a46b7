import { type Figure, figures, type RatioName, ratioOf } from './figures.ts';
import { spreadText } from './numbers.ts';
import type { Summary } from './summary.ts';
import type { Workload } from './workloads.ts';

export interface Table {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One row per library: each figure, beside it its ratio to raw amqplib of the same round, where it has one. */
export function tableOf(workload: Workload, summaries: readonly Summary[]): Table {
  const columns = workload.figures.flatMap((figure) => {
    const ratio = ratioOf(figure);
    const own = { name: figure as Figure | RatioName, head: figures[figure].head, mark: '' };
    const hasRatio = ratio !== undefined && summaries.some(({ spreads }) => spreads[ratio] !== undefined);
    return hasRatio ? [own, { name: ratio, head: 'of amqplib', mark: '×' }] : [own];
  });
  return {
    heads: ['library', ...columns.map(({ head }) => head), 'rounds'],
    rows: summaries.map((summary) => [
      summary.library,
      ...columns.map(({ name, mark }) => {
        const spread = summary.spreads[name];
        if (spread !== undefined) return `${mark}${spreadText(spread)}`;
        return summary.error === undefined ? '' : 'failed';
      }),
      roundsText(summary),
    ]),
  };
}

/** For people at a terminal, with what failed below it. */
export function tableText(title: string, table: Table, summaries: readonly Summary[]): string {
  const widths = table.heads.map((head, index) =>
    Math.max(head.length, ...table.rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ');
  return [title, line(table.heads), ...table.rows.map(line), ...failuresOf(summaries), ''].join('\n');
}

/** One line per library that failed. */
export function failuresOf(summaries: readonly Summary[]): string[] {
  return summaries.flatMap(({ library, error }) =>
    error === undefined ? [] : [`${library} failed: ${error.split('\n', 1)[0]}`],
  );
}

function roundsText({ rounds, failedRounds }: Summary): string {
  return failedRounds === undefined ? `${rounds}` : `${rounds - failedRounds} of ${rounds}`;
}
