import { type Counts, duplicatesOf, type Entry, isSettled, wasRetried } from './ledger.ts';
import type { Run } from './run.ts';

export interface Summary extends Omit<Counts, 'inRetry'> {
  readonly brokerVersion: string;
  readonly seconds: number;
}

export function summaryOf({ ledger, brokerVersion, seconds }: Run): Summary {
  const { published, confirmed, handled, retried, deadLettered, duplicates, lost } = ledger.counts();
  const rounded = Math.round(seconds * 100) / 100;
  return { published, confirmed, handled, retried, deadLettered, duplicates, lost, brokerVersion, seconds: rounded };
}

/** The ledger as a person reads it. */
export function reportOf(run: Run, seed: number, badLines: number): string {
  const entries = run.ledger.entries;
  const summary = summaryOf(run);
  const { published, confirmed, handled, retried, deadLettered, duplicates, lost } = summary;
  const row = (name: string, count: number, meaning: string): string =>
    `  ${name.padEnd(14)}${String(count).padStart(8)}   ${meaning}`;
  return [
    '',
    `Ledger (RabbitMQ ${summary.brokerVersion}, seed ${seed}, ${summary.seconds.toFixed(1)} s)`,
    row('published', published, 'events handed to publish()'),
    row('confirmed', confirmed, 'publish() resolved: the broker has them, in a queue'),
    row('handled', handled, 'their work was done and acknowledged'),
    row('dead-lettered', deadLettered, 'failed for good and were laid aside, see below'),
    row('lost', lost, 'neither handled nor dead-lettered'),
    row('retried', retried, retriesOf(entries)),
    row('duplicates', duplicates, 'came out more than once, for a confirm or an acknowledgement was cut off'),
    ...(badLines > 0 ? [row('left out', badLines, 'lines that could not be published, see above')] : []),
    ...linesBeneath('Retried', entries.filter(wasRetried)),
    ...linesBeneath(
      'Duplicated',
      entries.filter((entry) => duplicatesOf(entry) > 0),
    ),
    ...deathsOf(entries),
    ...lossesOf(entries),
    '',
    run.finished
      ? `Every event is accounted for: ${handled} + ${deadLettered} = ${published}. lost ${lost}`
      : `FAILED: nothing moved any more; ${published - confirmed} not confirmed, ${lost} not accounted for. lost ${lost}`,
    '',
  ].join('\n');
}

/** One JSON object per event. */
export function ledgerLines(run: Run): string {
  const lines = run.ledger.entries.map((entry) => {
    const { id, line, confirmed, failures, handled, deaths } = entry;
    return `${JSON.stringify({ id, line, outcome: outcomeOf(entry), confirmed, failures, handled, deaths })}\n`;
  });
  return lines.join('');
}

function outcomeOf(entry: Entry): string {
  if (!isSettled(entry)) return 'lost';
  return entry.handled > 0 ? 'handled' : 'dead-lettered';
}

function retriesOf(entries: readonly Entry[]): string {
  const byFailures = Map.groupBy(entries.filter(wasRetried), ({ attempts }) => attempts - 1);
  return [...byFailures]
    .toSorted(([one], [other]) => one - other)
    .map(([retries, { length }]) => `${length} of them ${retries === 1 ? 'once' : `${retries} times`}`)
    .join(', ');
}

/** Why each dead letter died, those of one cause together. */
function deathsOf(entries: readonly Entry[]): string[] {
  const dead = entries.flatMap((entry) => entry.deaths.slice(0, 1).map((death) => ({ entry, death })));
  const byCause = Map.groupBy(dead, ({ death: { reason, error, attempts } }) => {
    const after = `after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
    return `${meaningOf(reason)}, ${after}: ${error}`;
  });
  const causes = [...byCause].map(([cause, letters]) => {
    const lines = letters.map(({ entry }) => entry.line);
    return `  ${String(letters.length).padStart(4)} ${cause}\n${wrapped(lines, lines.length)}`;
  });
  return causes.length === 0 ? [] : ['', 'Dead letters, by the headers in the dead-letter queue:', ...causes];
}

function meaningOf(reason: string): string {
  if (reason === 'failed') return 'attempts used up (failed)';
  if (reason === 'dead-letter') return 'given up by the handler (dead-letter)';
  return reason;
}

function lossesOf(entries: readonly Entry[]): string[] {
  const lost = entries.filter((entry) => !isSettled(entry));
  const describe = ({ line, confirmed, failures }: Entry): string =>
    `  line ${line}: ${confirmed ? 'confirmed' : 'not confirmed'}, ${failures} failed attempts known`;
  return lost.length === 0 ? [] : ['', 'LOST:', ...lost.map(describe)];
}

const shownLines = 60;

function linesBeneath(title: string, entries: readonly Entry[]): string[] {
  if (entries.length === 0) return [];
  const lines = entries.map(({ line }) => line);
  return ['', `${title}, by line of the input:`, wrapped(lines, shownLines)];
}

function wrapped(lines: readonly number[], most: number): string {
  const rest = lines.length - most;
  const words = [
    ...lines.slice(0, most).map(String),
    ...(rest > 0 ? [`and ${rest} more (--ledger FILE lists all)`] : []),
  ];
  const rows: string[] = [];
  for (const word of words) {
    const row = rows.at(-1);
    if (row === undefined || row.length + word.length > 98) rows.push(`       ${word}`);
    else rows[rows.length - 1] = `${row}, ${word}`;
  }
  return rows.join(',\n');
}
