import type { Result } from './run.ts';

const columns: readonly (readonly [head: string, width: number, of: (result: Result) => unknown])[] = [
  ['published', 9, ({ published }) => published],
  ['resolved', 8, ({ resolved }) => resolved],
  ['not stored', 10, ({ notStored }) => notStored],
  ['unknown', 7, ({ unknown }) => unknown],
  ['dead', 5, ({ deadLettered }) => deadLettered],
  ['lost', 4, ({ lost }) => lost],
  ['phantom', 7, ({ phantom }) => phantom],
  ['hung', 4, ({ hung }) => hung],
  ['stuck', 5, ({ stuck }) => stuck],
  ['twice', 5, ({ duplicates }) => duplicates],
  ['back ms', 7, ({ reconnectMs }) => reconnectMs ?? '-'],
  ['1st pub', 7, ({ firstPublishedMs }) => firstPublishedMs ?? '-'],
  ['1st hdl', 7, ({ firstHandledMs }) => firstHandledMs ?? '-'],
  ['pause p', 7, ({ publishPauseMs }) => publishPauseMs ?? '-'],
  ['pause h', 7, ({ handlePauseMs }) => handlePauseMs ?? '-'],
  ['MiB', 4, ({ peakMemoryMiB }) => peakMemoryMiB],
  ['s', 5, ({ seconds }) => seconds],
];
const nameWidth = 44;

export function headOf(): string {
  return `${'scenario'.padEnd(nameWidth)} ${columns.map(([head, width]) => head.padStart(width)).join(' ')}`;
}

export function lineOf(result: Result): string {
  const name = `${result.failures.length === 0 ? 'ok  ' : 'FAIL'} ${result.scenario} (${result.type})`;
  const cells = columns.map(([, width, of]) => String(of(result)).padStart(width)).join(' ');
  return [
    `${name.padEnd(nameWidth)} ${cells}`,
    ...result.failures.map((failure) => `     ${failure.replaceAll('\n', '\n     ')}`),
  ].join('\n');
}
