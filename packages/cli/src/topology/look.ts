import { asError, topologyFault } from '@surehop/core/internal';
import type { Management } from '../management.ts';
import { bindingsOf, exchangesOf, queuesOf } from '../management-views.ts';
import type { Requests } from '../requests.ts';
import { type Found, type FoundEntity, foundInViews } from './found.ts';
import { labelOf, type Wanted } from './wanted.ts';

/** Everything of the virtual host, with arguments and bindings. */
export async function lookByManagement(management: Management): Promise<Found> {
  const [queues, exchanges, bindings] = await Promise.all([
    queuesOf(management),
    exchangesOf(management),
    bindingsOf(management),
  ]);
  return foundInViews({ queues, exchanges, bindings });
}

/**
 * Only what is wanted, and only whether it is there.
 *
 * @throws {SurehopError} SUREHOP_ACCESS_REFUSED: since 4.3 a user needs one right on each entity
 */
export async function lookByAmqp(requests: Requests, wanted: readonly Wanted[]): Promise<Found> {
  const queues = new Map<string, FoundEntity>();
  const exchanges = new Map<string, FoundEntity>();
  for (const one of wanted) {
    if (one.kind === 'binding') continue;
    try {
      if (one.kind === 'queue') {
        if ((await requests.ready(one.name)) !== undefined) queues.set(one.name, { properties: undefined });
      } else if (await requests.hasExchange(one.name)) {
        exchanges.set(one.name, { properties: undefined });
      }
    } catch (thrown) {
      throw topologyFault(thrown, labelOf(one)) ?? asError(thrown);
    }
  }
  return { by: 'amqp', queues, exchanges, bindings: undefined };
}
