import { eventually } from '@surehop/testing';
import type { Remaining } from '../faults/history.ts';
import { deadLetterQueue, liveQueues } from './assignment.ts';
import { type DeadLetterFound, takeDeadLetters } from './dead-letters.ts';
import type { Witness } from './witness.ts';
import { type World, workersOf } from './world.ts';

/** What is left when everything has come to rest. */
export interface Remains {
  readonly deadLetters: readonly DeadLetterFound[];
  /** In the work queue or a delay queue, though nothing keeps it there any more. */
  readonly remaining: readonly Remaining[];
  /** As many more that the broker counts there and gives to nobody. */
  readonly withheld: number;
  /** Processes that did not end when they were told to, and had to be killed. */
  readonly wouldNotEnd: readonly string[];
}

/** A publish's longest deadline, and the time to close. */
const publishersEndWithinMs = 45_000;
const consumersEndWithinMs = 25_000;

/** Lets the publishers finish, waits until the queues are empty or will not become so, and ends everybody. */
export async function drain(world: World, witness: Witness, emptyWithinMs: number): Promise<Remains> {
  const [publishers, consumers] = [workersOf(world, 'publisher'), workersOf(world, 'consumer')];
  const stubborn = await Promise.all(
    publishers.map(async (worker) => {
      const hadToBeKilled = await worker.retire(() => worker.tell('finish'), publishersEndWithinMs);
      return hadToBeKilled ? [worker.name] : [];
    }),
  );
  const counts = await untilEmpty(world, emptyWithinMs);
  const reluctant = await Promise.all(
    consumers.map(async (worker) => {
      const hadToBeKilled = await worker.retire(() => worker.signal('SIGTERM'), consumersEndWithinMs);
      return hadToBeKilled ? [worker.name] : [];
    }),
  );
  witness.read(world.workers);
  const remaining: Remaining[] = [];
  let withheld = 0;
  for (const [queue, count] of counts) {
    if (count === 0) continue;
    const ids = await world.vhost.messageIds(queue);
    withheld += Math.max(0, (await world.vhost.messages(queue)) - ids.length);
    for (const id of ids) remaining.push({ queue, id });
  }
  const deadLetters = await takeDeadLetters(world.vhost, await world.vhost.messages(deadLetterQueue));
  return { deadLetters, remaining, withheld, wouldNotEnd: [...stubborn, ...reluctant].flat() };
}

/** How many each queue held when all were empty, or when the time was over. */
async function untilEmpty({ vhost }: World, withinMs: number): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const allEmpty = async (): Promise<void> => {
    for (const queue of liveQueues) counts.set(queue, await vhost.messages(queue));
    const full = [...counts].filter(([, count]) => count > 0);
    if (full.length > 0) throw new Error(`not empty: ${full.map(([queue, count]) => `${queue} ${count}`).join(', ')}`);
  };
  await eventually(allEmpty, withinMs).catch(() => undefined);
  return counts;
}
