/**
 * What a process under test says of itself, one line each. It is appended to a file with a synchronous write before the
 * thing can have consequences elsewhere: `sent` before the call, `resolved` and `rejected` when the promise settles (one
 * that a kill swallows only makes the checker ask less), `handled` before the handler returns, so before any
 * acknowledgement. A process that is killed after it has recorded `handled` gives a duplicate, never a false loss.
 */
export type JournalRecord =
  | { readonly type: 'ready'; readonly at: number }
  | { readonly type: 'sent'; readonly number: number; readonly at: number; readonly deadlineAt: number }
  | { readonly type: 'resolved'; readonly number: number; readonly at: number; readonly sentAt: number }
  | { readonly type: 'rejected'; readonly number: number; readonly at: number; readonly code: string }
  | { readonly type: 'handled'; readonly number: number; readonly at: number; readonly startedAt: number }
  /** The handler threw, hung, or is about to end its process. */
  | { readonly type: 'failed'; readonly number: number; readonly at: number; readonly how: string }
  | { readonly type: 'memory'; readonly at: number; readonly bytes: number }
  | { readonly type: 'unhandled'; readonly at: number; readonly text: string }
  /** The process has closed in order. */
  | { readonly type: 'closed'; readonly at: number };

const letters = {
  ready: 'b',
  sent: 's',
  resolved: 'r',
  rejected: 'x',
  handled: 'h',
  failed: 'f',
  memory: 'm',
  unhandled: 'u',
  closed: 'e',
} as const satisfies Record<JournalRecord['type'], string>;

/** With its line end. */
export function lineOf(record: JournalRecord): string {
  return `${letters[record.type]} ${fieldsOf(record).join(' ')}\n`;
}

function fieldsOf(record: JournalRecord): (string | number)[] {
  switch (record.type) {
    case 'sent':
      return [record.at, record.number, record.deadlineAt];
    case 'resolved':
      return [record.at, record.number, record.sentAt];
    case 'rejected':
      return [record.at, record.number, record.code];
    case 'handled':
      return [record.at, record.number, record.startedAt];
    case 'failed':
      return [record.at, record.number, record.how.replaceAll(' ', '-')];
    case 'memory':
      return [record.at, record.bytes];
    case 'unhandled':
      return [record.at, JSON.stringify(record.text)];
    case 'ready':
    case 'closed':
      return [record.at];
    default:
      return record satisfies never;
  }
}

/** @param line without its line end */
export function recordOf(line: string): JournalRecord {
  const [letter = '', time, second = '', third = ''] = line.split(' ');
  const at = Number(time);
  const number = Number(second);
  switch (letter) {
    case 's':
      return { type: 'sent', at, number, deadlineAt: Number(third) };
    case 'r':
      return { type: 'resolved', at, number, sentAt: Number(third) };
    case 'x':
      return { type: 'rejected', at, number, code: third };
    case 'h':
      return { type: 'handled', at, number, startedAt: Number(third) };
    case 'f':
      return { type: 'failed', at, number, how: third };
    case 'm':
      return { type: 'memory', at, bytes: number };
    case 'u':
      return { type: 'unhandled', at, text: JSON.parse(line.slice(line.indexOf(second))) };
    case 'b':
      return { type: 'ready', at };
    case 'e':
      return { type: 'closed', at };
    default:
      throw new Error(`not a line of a journal: ${line}`);
  }
}
