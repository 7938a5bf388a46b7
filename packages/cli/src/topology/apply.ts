import { TopologyMismatchError } from '@surehop/core';
import { asError, topologyFault } from '@surehop/core/internal';
import type { Requests } from '../requests.ts';
import type { Plan, PlanItem } from './plan.ts';
import { labelOf, type Wanted } from './wanted.ts';

export interface Applied {
  readonly label: string;
  readonly result: 'created' | 'as wanted' | 'differs, left as it is';
}

/**
 * Without the management API nothing was compared: what exists is declared again, which changes nothing and is refused
 * where anything differs.
 *
 * @throws {SurehopError} SUREHOP_ACCESS_REFUSED
 */
export async function comparedByDeclaring(requests: Requests, plan: Plan): Promise<Plan> {
  const items: PlanItem[] = [];
  for (const item of plan.items) {
    items.push(item.state === 'exists, not compared' ? await compared(requests, item) : item);
  }
  return { ...plan, items };
}

async function compared(requests: Requests, item: PlanItem): Promise<PlanItem> {
  try {
    await declare(requests, item.wanted);
    return { ...item, state: 'same' };
  } catch (thrown) {
    if (!(thrown instanceof TopologyMismatchError)) throw thrown;
    const { argument = 'arguments', wanted = 'others', found = 'not known' } = thrown;
    return { ...item, state: 'differs', differences: [{ property: argument, wanted, found }] };
  }
}

/**
 * Creates what is missing, in order, and tells of each thing. Changes and deletes nothing.
 *
 * @throws {SurehopError} at the first that cannot be created; what was told is done
 */
export async function applyPlan(
  requests: Requests,
  plan: Plan,
  tell: (applied: Applied) => Promise<void>,
): Promise<void> {
  for (const { state, wanted, label } of plan.items) {
    if (state === 'differs') await tell({ label, result: 'differs, left as it is' });
    else if (state === 'same') await tell({ label, result: 'as wanted' });
    else {
      await declare(requests, wanted);
      // To bind once more what is bound changes nothing, and cannot be told from the first time.
      await tell({ label, result: state === 'unknown' ? 'as wanted' : 'created' });
    }
  }
}

async function declare(requests: Requests, wanted: Wanted): Promise<void> {
  try {
    await requests.ask(async (channel, deadline) => {
      if (wanted.kind === 'queue') await channel.declareQueue(wanted, deadline);
      else if (wanted.kind === 'exchange') await channel.declareExchange(wanted, deadline);
      else await channel.bind(wanted, deadline);
    });
  } catch (thrown) {
    throw topologyFault(thrown, labelOf(wanted)) ?? asError(thrown);
  }
}
