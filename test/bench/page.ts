import { libraries } from './libraries.ts';
import { plotOf } from './plot.ts';
import type { Summary } from './summary.ts';
import { failuresOf, tableOf } from './table.ts';
import { judge, verdictHeads, verdictRow } from './targets.ts';
import { type Workload, workloads } from './workloads.ts';

const intro = [
  '# Performance, measured',
  '',
  'Each library in the reliable use that its own documentation recommends: durable queues, persistent messages, every confirm awaited, one acknowledgement per message after an async handler. Ours with everything it does by default: a message id each, mandatory, a deadline, bounded memory.',
  '',
  '- Client and broker share the machine. Where the broker is the limit, the client CPU per message (user and system time of the client process alone) tells more than the rate. On the null broker, a process that only confirms and delivers, the client is the limit.',
  '- Every measurement has a process of its own, in turn (A B C A B C …). A figure is the median of the rounds [minimum..maximum]; a ratio is to raw amqplib in the same round. Read the ratios: machines are noisy.',
  '- After each measurement the queues are counted: what was confirmed must be in them, and what was handled must not.',
  '- Repeat it: `npm run bench`, `npm run bench -- --quick` for a first look, `npm run bench -- --list` for what there is. How it measures, and why so: [decision 0020](decisions/0020-a-benchmark.md).',
  '',
  'Generated from `test/bench/results.jsonl` and `test/bench/notes.md` by `npm run bench -- --keep`; a test holds them together.',
  '',
];

/** Files below docs/, by name: the page, and a plot for each workload. @param notes what was learnt, written by hand */
export function pagesOf(summaries: readonly Summary[], notes: string): Record<string, string> {
  const measured = workloads.filter(({ name }) => summaries.some(({ workload }) => workload === name));
  const plots = measured.map((workload) => [plotName(workload), plotOf(workload, chief(workload, summaries))] as const);
  const sections = measured.flatMap((workload) => section(workload, summaries));
  const body =
    measured.length === 0
      ? ['Nothing has been kept yet.', '']
      : [...environment(summaries), ...verdicts(summaries), ...sections];
  return {
    'performance.md': `${[...intro, ...body, deeper(notes)].join('\n').trimEnd()}\n`,
    ...Object.fromEntries(plots),
  };
}

function plotName({ name }: Workload): string {
  return `performance/${name}.svg`;
}

function environment(summaries: readonly Summary[]): string[] {
  const distinct = (values: readonly string[]): string => [...new Set(values)].join('; ');
  const versions = summaries
    .filter(({ library }) => libraries.some(({ name, isVariant }) => name === library && isVariant !== true))
    .map(({ library, libraryVersion }) => `${library} ${libraryVersion}`);
  return [
    '## With what',
    '',
    `- Machine: ${distinct(summaries.map(({ machine }) => machine))}`,
    `- RabbitMQ: ${distinct(summaries.map(({ release }) => release))}`,
    `- Libraries: ${distinct(versions).replaceAll(';', ',')}`,
    `- Measured: ${distinct(summaries.map(({ date }) => date))}`,
    '',
  ];
}

function verdicts(summaries: readonly Summary[]): string[] {
  const byRelease = Map.groupBy(summaries, ({ release }) => release);
  return [...byRelease].flatMap(([release, ofRelease]) => {
    const rows = judge(ofRelease).map(verdictRow);
    return rows.length === 0 ? [] : [`## Targets, on RabbitMQ ${release}`, '', ...markdown(verdictHeads, rows), ''];
  });
}

function section(workload: Workload, summaries: readonly Summary[]): string[] {
  const cells = Map.groupBy(
    summaries.filter((one) => one.workload === workload.name),
    circumstances,
  );
  return [
    `## ${workload.title}`,
    '',
    `![${workload.title}](${plotName(workload)})`,
    '',
    ...[...cells].flatMap(([circumstance, ofCell]) => {
      const { heads, rows } = tableOf(workload, ofCell);
      const failures = failuresOf(ofCell).flatMap((failure) => ['', failure]);
      return [`${circumstance}:`, '', ...markdown(heads, rows), ...failures, ''];
    }),
  ];
}

/** Of the plot: the first circumstances that were kept. */
function chief({ name }: Workload, summaries: readonly Summary[]): Summary[] {
  const all = summaries.filter(({ workload }) => workload === name);
  const [first] = all;
  return first === undefined ? [] : all.filter((one) => circumstances(one) === circumstances(first));
}

export function circumstances({ release, queueType, bodyBytes }: Summary): string {
  if (queueType === 'none') return `Null broker, ${bodyBytes.toLocaleString('en')} B`;
  return `RabbitMQ ${release}, ${queueType} queue, ${bodyBytes.toLocaleString('en')} B`;
}

/** The notes are a page with a title; in this page they are a section. */
function deeper(notes: string): string {
  return notes.trim().replaceAll(/^#/gm, '##');
}

function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(heads), line(heads.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)];
}
