import { setTimeout as sleep } from 'node:timers/promises';
import type { Remaining } from '../faults/history.ts';
import { deadLetterQueue, delayParking, delayQueues, liveQueues } from './assignment.ts';
import { type DeadLetterFound, deadLetterOf } from './dead-letters.ts';
import { Stillness } from './stillness.ts';
import { takeAll } from './take-all.ts';
import type { Witness } from './witness.ts';
import { type World, workersOf } from './world.ts';

/** What is left when everything has come to rest. */
export interface Remains {
  readonly deadLetters: readonly DeadLetterFound[];
  /** In the work queue or a delay queue, though nothing keeps it there any more. */
  readonly remaining: readonly Remaining[];
  /** As many more that the broker counts and gives to nobody. */
  readonly withheld: number;
  /** Processes that did not end when they were told to, and had to be killed. */
  readonly wouldNotEnd: readonly string[];
}

export interface DrainOptions {
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

/** A publish's longest deadline, and the time to close, on a machine that has other work as well. */
const publishersEndWithinMs = 90_000;
const consumersEndWithinMs = 60_000;
const lookEveryMs = 500;
const tellEveryMs = 10_000;

/** Lets the publishers finish, waits until the queues are empty or will not become so, and ends everybody. */
export async function drain(world: World, witness: Witness, options: DrainOptions): Promise<Remains> {
  const stubborn = await retire(world, 'publisher', publishersEndWithinMs);
  await untilStill(world, witness, options);
  const reluctant = await retire(world, 'consumer', consumersEndWithinMs);
  witness.read(world.workers);
  const remaining: Remaining[] = [];
  const deadLetters: DeadLetterFound[] = [];
  let withheld = 0;
  // In the direction in which messages move, so that none is missed between two queues.
  for (const queue of await standing(world, [...delayQueues, ...liveQueues])) {
    withheld += await takeAll(world.vhost, queue, ({ properties }) => {
      remaining.push({ queue, id: String(properties.messageId) });
    });
  }
  for (const queue of await standing(world, [deadLetterQueue, delayParking])) {
    withheld += await takeAll(world.vhost, queue, (message) => deadLetters.push(deadLetterOf(message)));
  }
  return { deadLetters, remaining, withheld, wouldNotEnd: [...stubborn, ...reluctant] };
}

/** The delay network is there only once somebody has needed it. */
async function standing({ vhost }: World, wanted: readonly string[]): Promise<string[]> {
  const there = new Set((await vhost.queues()).map(({ name }) => name));
  return wanted.filter((queue) => there.has(queue) || !queue.startsWith('surehop.delay.'));
}

/** Resolves to the names of those that did not end by themselves. */
async function retire(world: World, role: 'publisher' | 'consumer', withinMs: number): Promise<string[]> {
  const names = await Promise.all(
    workersOf(world, role).map(async (worker) => {
      const ask = (): void => (role === 'publisher' ? worker.tell('finish') : worker.signal('SIGTERM'));
      const hadToBeKilled = await worker.retire(ask, withinMs);
      return hadToBeKilled ? [worker.name] : [];
    }),
  );
  return names.flat();
}

/** Ready or in a consumer's hands: a message counts until it is settled. */
async function untilStill(world: World, witness: Witness, { signal, tell }: DrainOptions): Promise<void> {
  const { vhost } = world;
  const stillness = new Stillness(Date.now());
  let toldAt = Date.now();
  for (;;) {
    const counts = new Map<string, number>();
    for (const queue of await standing(world, [...delayQueues, ...liveQueues]))
      counts.set(queue, await vhost.messages(queue));
    const now = Date.now();
    if (stillness.isReached({ counts, handled: witness.handled }, now)) return;
    if (now - toldAt > tellEveryMs) {
      toldAt = now;
      tell(`still in queues: ${[...counts].map(([queue, count]) => `${queue} ${count}`).join(', ')}`);
    }
    await sleep(lookEveryMs, undefined, { signal });
  }
}
