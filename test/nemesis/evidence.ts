import type { Incident } from './incident.ts';
import { type JournalRecord, recordOf } from './record.ts';

/** What one process, all its incarnations together, has left. */
export interface Writings {
  readonly name: string;
  readonly journal: { bytes(): Buffer };
  /** What it wrote to standard output and error. */
  readLog(): Buffer;
}

interface Entry {
  readonly process: string;
  readonly record: JournalRecord;
}

/** Faults this long before the first thing that was written of a message, and after the last, may have to do with it. */
const aroundMs = { before: 5_000, after: 30_000 } as const;
/** Lines of the log, likewise: nearer, for there are many. */
const logAroundMs = { before: 1_000, after: 5_000 } as const;
const mostLogLines = 30;
const longestLine = 300;

/**
 * All that is known of some messages, for whoever looks for the cause when the cluster and the processes are gone: what
 * the journals say, what befell around that time, and what the services logged then.
 *
 * @param loadBeganAt times count from here, as those of the faults that are told while they happen
 */
export function evidenceOf(
  ids: readonly string[],
  writings: readonly Writings[],
  incidents: readonly Incident[],
  loadBeganAt: number,
): string[] {
  if (ids.length === 0) return [];
  const entries = entriesOf(new Set(ids), writings);
  const logs = writings.map((one) => ({ name: one.name, lines: String(one.readLog()).split('\n') }));
  const clock = (at: number): string => `${((at - loadBeganAt) / 1_000).toFixed(1).padStart(6)} s`;
  return ids.flatMap((id) => {
    const own = (entries.get(id) ?? []).toSorted((one, other) => one.record.at - other.record.at);
    const [first, last] = [own[0]?.record.at, own.at(-1)?.record.at];
    if (first === undefined || last === undefined) return [`message ${id}: no process has written of it`];
    const [from, to] = [first - aroundMs.before, last + aroundMs.after];
    const faults = incidents.filter(({ beganAt, healedAt }) => beganAt <= to && healedAt >= from);
    return [
      `message ${id}`,
      ...own.map(({ process, record }) => `  ${clock(record.at)}  ${process}: ${textOf(record, clock)}`),
      ...faults.map(
        ({ name, beganAt, healedAt, struck }) =>
          `  ${clock(beganAt)}  fault ${name}, until ${clock(healedAt).trim()}, strikes ${struck.join(', ')}`,
      ),
      ...logged(logs, first - logAroundMs.before, last + logAroundMs.after, clock),
    ];
  });
}

function entriesOf(ids: ReadonlySet<string>, writings: readonly Writings[]): Map<string, Entry[]> {
  const entries = new Map<string, Entry[]>();
  for (const { name, journal } of writings) {
    for (const line of String(journal.bytes()).split('\n')) {
      const [, , id = ''] = line.split(' ', 3);
      if (!ids.has(id)) continue;
      entries.set(id, [...(entries.get(id) ?? []), { process: name, record: recordOf(line) }]);
    }
  }
  return entries;
}

function textOf(record: JournalRecord, clock: (at: number) => string): string {
  if (record.type === 'sent') return `sent, due at ${clock(record.deadlineAt).trim()}`;
  if (record.type === 'rejected') return `rejected, ${record.code}`;
  if (record.type === 'failed') return `failed, ${record.how}`;
  return record.type;
}

function logged(
  logs: readonly { readonly name: string; readonly lines: readonly string[] }[],
  from: number,
  to: number,
  clock: (at: number) => string,
): string[] {
  const near = logs.flatMap(({ name, lines }) =>
    lines.flatMap((line) => {
      const [, time = '', rest = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
      const at = Date.parse(time);
      return at >= from && at <= to ? [{ at, text: `${name} logged: ${rest}` }] : [];
    }),
  );
  const told = near.toSorted((one, other) => one.at - other.at).slice(0, mostLogLines);
  return [
    ...told.map(({ at, text }) => `  ${clock(at)}  ${text}`.slice(0, longestLine)),
    ...(near.length > told.length ? [`  and ${near.length - told.length} more lines`] : []),
  ];
}
