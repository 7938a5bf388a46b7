import type { Health } from '@surehop/core';
import type { MemoryBroker } from '@surehop/testing/internal';
import { delaysMs, type PlannedMessage, poisonKills } from './plan.ts';
import { deadLetterQueue, delayParking, isReplyQueue, replyQueueOwner, type Scene } from './scene.ts';
import type { Service } from './services.ts';

/** Whether `health()` says that nothing befalls any more and nothing is left to do. */
export function areWell(services: readonly Service[]): boolean {
  return services.every(({ rabbit }) => rabbit === undefined || isWell(rabbit.health()));
}

/** What `health()` says where it does not. */
export function ailments(services: readonly Service[]): string[] {
  return services.flatMap(({ process, rabbit }) => {
    if (rabbit === undefined) return [];
    const health = rabbit.health();
    if (isWell(health)) return [];
    const { links, publishers, consumers } = health;
    return [`${process.name} is not well: ${JSON.stringify({ links, publishers, consumers })}`];
  });
}

function isWell({ links, publishers, consumers }: Health): boolean {
  return (
    links.publish.phase === 'open' &&
    links.consume.phase === 'open' &&
    publishers.every(
      ({ unconfirmed, waiting, stalledMs, awaitedAnswers }) => unconfirmed + waiting + stalledMs + awaitedAnswers === 0,
    ) &&
    consumers.every(
      ({ phase, inHand, stuckHandlers, unstoredCopies }) =>
        phase === 'consuming' && inHand + stuckHandlers + unstoredCopies === 0,
    )
  );
}

/** Every dead letter has to deserve it, and to say why it is one. */
export function deadLetterViolations(scene: Scene, broker: MemoryBroker): string[] {
  return [...undeserved(scene, broker), ...parkedWithoutCause(scene, broker)];
}

function undeserved({ plan }: Scene, broker: MemoryBroker): string[] {
  if (!broker.queues().includes(deadLetterQueue)) return [];
  const found: string[] = [];
  // Between the declaration of the exchange and that of its binding, what comes back goes to the alternate exchange.
  const isExchangeGone = plan.faults.some(({ kind }) => kind === 'retry exchange deleted' || kind === 'queue deleted');
  // While its event loop is blocked, a handler's time runs out.
  const late = plan.faults.filter(({ kind }) => kind === 'event loop blocked').length;
  for (const { properties, headers } of broker.messages(deadLetterQueue)) {
    const id = properties.messageId ?? '';
    const message = plan.messages.find(({ number }) => id.startsWith(`${number}.`));
    if (message === undefined || message.kills === poisonKills) continue;
    const isOurs = typeof headers['surehop-reason'] === 'string';
    if (isExchangeGone && !isOurs) continue;
    if (!isOurs) found.push(`${id} was laid aside by the broker: ${JSON.stringify(headers)}`);
    else if (!deserves(message, late)) found.push(`${id} is a dead letter without cause: ${JSON.stringify(headers)}`);
  }
  return found;
}

/**
 * One reply queue for each process that waits for answers; when it has closed, none. What a process leaves that was killed,
 * the broker deletes in time.
 */
export function replyQueueViolations(broker: MemoryBroker, services: readonly Service[], isClosed: boolean): string[] {
  const most = isClosed ? 0 : 1;
  return services.flatMap(({ process }) => {
    const own = broker.queues().filter((name) => isReplyQueue(name) && replyQueueOwner(name) === process.name);
    return own.length <= most ? [] : [`${process.name} has ${own.length} reply queues${isClosed ? ' left' : ''}`];
  });
}

/** Only a queue that was deleted takes its way back with it; its messages then wait for a person where they are seen. */
function parkedWithoutCause({ plan }: Scene, broker: MemoryBroker): string[] {
  if (!broker.queues().includes(delayParking) || plan.faults.some(({ kind }) => kind === 'queue deleted')) return [];
  return broker
    .messages(delayParking)
    .map(({ properties }) => `${properties.messageId} found no way back out of its delay`);
}

function deserves({ behaviours }: PlannedMessage, late: number): boolean {
  const failures = behaviours.filter((behaviour) => behaviour !== 'return' && behaviour !== 'slow').length;
  return behaviours.includes('dead-letter') || failures + late > delaysMs.length;
}
