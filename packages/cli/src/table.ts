import { oneLine } from './printable.ts';

const gap = '  ';

/**
 * Columns of equal width, under their headings. Cells are foreign text: nothing in them harms a terminal.
 *
 * @param columns of the terminal, at which lines are cut; undefined cuts none
 */
export function tableText(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  const cells = [headings, ...rows.map((row) => row.map(oneLine))];
  const widths = headings.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  const line = (row: readonly string[]): string => {
    const padded = row.map((cell, index) => cell.padEnd(widths[index] ?? 0));
    const text = padded.join(gap).trimEnd();
    return columns === undefined || text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
  };
  return cells.map(line).join('\n');
}
