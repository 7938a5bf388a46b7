import { SurehopError, TopologyMismatchError } from '@surehop/core';
import type { GlobalFlags } from './action.ts';
import type { Context } from './context.ts';
import { failureText } from './failure.ts';
import { type Management, managementOf } from './management.ts';
import { nearestNames } from './nearest-names.ts';

/** For people: `Is it "orders"?`, or why that cannot be told. */
export async function nearestQueues(
  context: Context,
  given: string,
  management: Management | undefined,
  otherwise = 'No other name is like it',
): Promise<string> {
  if (management === undefined) return '--management-url would let the nearest names be told';
  try {
    const queues = await management.get<readonly { readonly name: string }[]>(['queues', management.vhost], {
      columns: 'name',
    });
    return (
      nearestOf(
        given,
        queues.map(({ name }) => name),
      ) ?? otherwise
    );
  } catch (thrown) {
    context.signal.throwIfAborted();
    return `The nearest names cannot be told: ${failureText(thrown)}`;
  }
}

/** Undefined where no name is like it. */
export function nearestOf(given: string, names: readonly string[]): string | undefined {
  const near = nearestNames(given, names);
  return near.length === 0 ? undefined : `Is it ${near.map((name) => JSON.stringify(name)).join(' or ')}?`;
}

/** What was thrown; where it says that there is no queue of this name, with the names that are most like it. */
export async function withNearest(
  context: Context,
  flags: GlobalFlags,
  queue: string | undefined,
  thrown: unknown,
): Promise<unknown> {
  if (queue === undefined || !(thrown instanceof SurehopError) || !isAboutMissing(queue, thrown)) return thrown;
  const near = await nearestQueues(context, queue, managementOf(context, flags));
  const { code, message, retryable } = thrown;
  return new SurehopError(code, `${message}. ${near}`, { retryable, cause: thrown });
}

function isAboutMissing(queue: string, thrown: SurehopError): boolean {
  if (thrown instanceof TopologyMismatchError) return thrown.argument === undefined && thrown.entity.includes(queue);
  const { code, message } = thrown;
  return (
    code === 'SUREHOP_UNROUTABLE' || (code === 'SUREHOP_QUEUE_NOT_FOUND' && message.includes(JSON.stringify(queue)))
  );
}
