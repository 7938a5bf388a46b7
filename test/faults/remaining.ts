import { eventually, type Vhost } from '@surehop/testing';
import type { Remaining } from './history.ts';
import type { Watch } from './watch.ts';

/** Resolves when every queue is empty but those of dead letters. */
export async function drained(vhost: Vhost, timeoutMs: number): Promise<void> {
  const working = (await queuesOf(vhost)).filter((name) => !isDeadLetters(name));
  await eventually(async () => {
    for (const name of working) {
      const left = await vhost.messages(name);
      if (left > 0) throw new Error(`${left} messages in ${name}`);
    }
  }, timeoutMs);
}

/** What is in the queues still; dead letters are told to the watch instead. */
export async function remainingIn(vhost: Vhost, watch: Watch): Promise<Remaining[]> {
  const remaining: Remaining[] = [];
  for (const queue of await queuesOf(vhost)) {
    for (const id of await vhost.messageIds(queue)) {
      if (isDeadLetters(queue)) watch.deadLettered(id);
      else remaining.push({ id, queue });
    }
  }
  return remaining;
}

async function queuesOf(vhost: Vhost): Promise<string[]> {
  return (await vhost.queues()).map(({ name }) => name);
}

function isDeadLetters(queue: string): boolean {
  return queue.endsWith('.dead-letter');
}
