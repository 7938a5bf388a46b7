import type { Rabbit } from '@surehop/core';
import { type AuditLog, type DeadLetters, openDeadLetters } from '@surehop/dead-letters';
import type { GlobalFlags } from '../action.ts';
import { openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { managementOf } from '../management.ts';
import { Requests } from '../requests.ts';
import { chosenQueue } from './queue-choice.ts';

export interface DeskFlags extends GlobalFlags {
  readonly acceptDeliveryCount?: boolean;
  readonly by?: string;
}

/** One queue of dead letters, on a connection of its own. */
export interface Desk extends AsyncDisposable {
  readonly rabbit: Rabbit;
  readonly letters: DeadLetters;
}

/** @param given the queue as the person named it */
export async function openDesk(context: Context, flags: DeskFlags, given: string, audit: AuditLog): Promise<Desk> {
  const rabbit = await openRabbit(context, flags, { topology: 'off' });
  try {
    await using requests = new Requests(rabbit, context.signal);
    const queue = await chosenQueue(context, given, requests, managementOf(context, flags));
    const by = flags.by ?? context.user;
    const letters = openDeadLetters(rabbit, queue, {
      by,
      audit,
      acceptsDeliveryCount: flags.acceptDeliveryCount === true,
    });
    return { rabbit, letters, [Symbol.asyncDispose]: () => rabbit.close() };
  } catch (thrown) {
    await rabbit.close();
    throw thrown;
  }
}

/** For what only reads. */
export const nothingToAudit: AuditLog = {
  write: () => Promise.reject(new Error('bug: reading changed something')),
};
