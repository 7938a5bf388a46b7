import { familiesOf } from '../family.ts';
import type { QueueView } from '../management-views.ts';
import type { Rates, RateWindow } from './rates.ts';

/** A work queue with what stands around it. What the broker does not tell is undefined: unknown, not nothing. */
export interface Row extends Rates {
  readonly queue: string;
  readonly ready: number | undefined;
  readonly unacknowledged: number | undefined;
  readonly consumers: number | undefined;
  /** In all rungs together. */
  readonly retrying: number | undefined;
  readonly rungs: readonly { readonly delayMs: number; readonly messages: number | undefined }[];
  /** In the waiting queue; undefined where there is none: only consumers with `orderBy` have it. */
  readonly waiting: { readonly messages: number | undefined; readonly consumers: number | undefined } | undefined;
  /** Undefined where there is no dead-letter queue, too. */
  readonly deadLetters: number | undefined;
  /** Of the work queue, where it does not run; `missing` where only what stands around it is there. */
  readonly trouble: string | undefined;
}

/** @param only names of work queues; empty: all */
export function rowsOf(queues: readonly QueueView[], rates: RateWindow, only: readonly string[] = []): Row[] {
  return familiesOf(queues)
    .filter(({ name }) => only.length === 0 || only.includes(name))
    .map(({ name, work, rungs, waiting, deadLetters }) => ({
      queue: name,
      ready: work?.messages_ready,
      unacknowledged: work?.messages_unacknowledged,
      consumers: work?.consumers,
      ...rates.of(name),
      retrying: sum(rungs.map(({ queue }) => queue.messages)),
      rungs: rungs.map(({ delayMs, queue }) => ({ delayMs, messages: queue.messages })),
      waiting: waiting && { messages: waiting.messages, consumers: waiting.consumers },
      deadLetters: deadLetters?.messages,
      trouble: troubleOf(work),
    }));
}

function troubleOf(work: QueueView | undefined): string | undefined {
  if (work === undefined) return 'missing';
  return work.state === undefined || work.state === 'running' ? undefined : work.state;
}

/** Unknown as soon as one is. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce<number | undefined>(
    (total, value) => (total === undefined || value === undefined ? undefined : total + value),
    0,
  );
}
