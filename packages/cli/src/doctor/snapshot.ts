import { type Management, ManagementError } from '../management.ts';
import {
  type BindingView,
  bindingsOf,
  type ExchangeView,
  exchangesOf,
  type PolicyView,
  type QueueView,
  queuesOf,
} from '../management-views.ts';

/** The virtual host at one moment, as the management API shows it. What the user may not see is undefined. */
export interface Snapshot {
  readonly version: string;
  readonly queues: readonly QueueView[];
  readonly exchanges: readonly ExchangeView[];
  readonly bindings: readonly BindingView[];
  readonly policies: readonly PolicyView[];
  readonly operatorPolicies: readonly PolicyView[];
  readonly nodes: readonly NodeView[] | undefined;
  readonly hasAlarm: boolean;
  readonly permissions: PermissionsView | undefined;
  /** How far the broker's clock is ahead of ours at least, in milliseconds; negative when it is behind. */
  readonly clockAheadMs: number | undefined;
}

export interface NodeView {
  readonly name: string;
  readonly running?: boolean;
  readonly mem_alarm?: boolean;
  readonly disk_free_alarm?: boolean;
}

/** Regular expressions of names. */
export interface PermissionsView {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/**
 * @param user whose permissions are asked for
 * @throws {ManagementError}
 */
export async function takeSnapshot(management: Management, user: string): Promise<Snapshot> {
  const { vhost } = management;
  const before = Date.now();
  const overview = await management.ask<{ rabbitmq_version: string }>(['overview']);
  const after = Date.now();
  const [queues, exchanges, bindings, policies, operatorPolicies, nodes, hasAlarm, permissions] = await Promise.all([
    queuesOf(management),
    exchangesOf(management),
    bindingsOf(management),
    management.get<readonly PolicyView[]>(['policies', vhost]),
    management.get<readonly PolicyView[]>(['operator-policies', vhost]),
    seen(management.get<readonly NodeView[]>(['nodes'], { columns: 'name,running,mem_alarm,disk_free_alarm' })),
    hasAnAlarm(management),
    seen(management.get<PermissionsView>(['permissions', vhost, user])),
  ]);
  return {
    version: overview.value.rabbitmq_version,
    queues,
    exchanges,
    bindings,
    policies,
    operatorPolicies,
    nodes,
    hasAlarm,
    permissions,
    clockAheadMs: overview.brokerAt === undefined ? undefined : aheadMs(overview.brokerAt, before, after),
  };
}

/**
 * The broker tells whole seconds, at some moment between `before` and `after`: how far the clocks are apart at least.
 *
 * @param brokerAt and the other two in epoch milliseconds
 */
export function aheadMs(brokerAt: number, before: number, after: number): number {
  if (brokerAt > after) return brokerAt - after;
  return Math.min(0, brokerAt + 1_000 - before);
}

/** Undefined when the user's tags do not allow it. */
async function seen<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (thrown instanceof ManagementError && [401, 403, 404].includes(thrown.status ?? 0)) return undefined;
    throw thrown;
  }
}

/** The answer to "is there none?" is 503 when there is one. */
async function hasAnAlarm(management: Management): Promise<boolean> {
  try {
    await management.get(['health', 'checks', 'alarms']);
    return false;
  } catch (thrown) {
    if (thrown instanceof ManagementError && thrown.status === 503) return true;
    throw thrown;
  }
}
