import type { AuditEntry, AuditLog } from '@surehop/dead-letters';
import type { Vhost } from '@surehop/testing';
import type { Options } from 'amqplib';
import { onChannel, ours } from './queues.ts';

/** What a consumer writes on what it lays aside. */
export function failureOf(queue: string, headers: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    'surehop-attempt': 4,
    'surehop-failed-at': '2026-01-02T03:04:05.678Z',
    'surehop-reason': 'failed',
    'surehop-error-name': 'TimeoutError',
    'surehop-error-message': 'no answer',
    'surehop-queue': queue,
    'surehop-exchange': 'shop',
    'surehop-routing-key': 'order.placed',
    ...headers,
  };
}

/** Quorum queues with nothing in them, and a queue of dead letters; all of them as a contract has them. */
export async function queuesFor(vhost: Vhost, names: readonly string[]): Promise<void> {
  await onChannel(vhost, async (channel) => {
    for (const name of names) await channel.assertQueue(name, { arguments: ours });
  });
}

export interface Letters {
  readonly count: number;
  /** Of the first one; its id is `id-<number>`, its body the number. @default 1 */
  readonly from?: number;
  /** Where they failed. @default 'orders' */
  readonly failedIn?: string;
  readonly options?: (number: number) => Options.Publish & { readonly isWithoutId?: boolean };
}

/** Puts dead letters into a queue. */
export async function putLetters(vhost: Vhost, queue: string, letters: Letters): Promise<void> {
  const { count, from = 1, failedIn = 'orders', options = (): Options.Publish => ({}) } = letters;
  await onChannel(vhost, async (channel) => {
    for (let number = from; number < from + count; number += 1) {
      const { isWithoutId = false, ...given }: Options.Publish & { isWithoutId?: boolean } = options(number);
      const headers = { ...failureOf(failedIn), number, ...given.headers };
      const all = {
        persistent: true,
        contentType: 'application/json',
        ...(!isWithoutId && { messageId: `id-${number}` }),
        ...given,
        headers,
      };
      channel.sendToQueue(queue, Buffer.from(String(number)), all);
    }
    await channel.waitForConfirms();
  });
}

export function ids(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => `id-${first + index}`);
}

/** An audit log in memory. */
export function keepingAudit(): AuditLog & { readonly entries: AuditEntry[] } {
  const entries: AuditEntry[] = [];
  return { entries, write: async (entry) => void entries.push(entry) };
}
