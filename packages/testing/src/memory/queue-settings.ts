import type { HeaderTable } from '@surehop/core';
import type { Release } from './release.ts';

export type QueueType = 'quorum' | 'classic';

/** Keys of a policy that the in-memory broker follows. */
export const policyKeys = [
  'consumer-timeout',
  'dead-letter-exchange',
  'dead-letter-routing-key',
  'dead-letter-strategy',
  'delivery-limit',
  'max-length',
  'message-ttl',
  'overflow',
] as const;

export type PolicyDefinition = Readonly<Partial<Record<(typeof policyKeys)[number], string | number>>>;

/** What arguments and policy make of a queue together. */
export interface QueueSettings {
  readonly type: QueueType;
  readonly messageTtlMs: number | undefined;
  readonly maxLength: number | undefined;
  readonly overflow: 'drop-head' | 'reject-publish';
  readonly deliveryLimit: number | undefined;
  readonly deadLetterExchange: string | undefined;
  readonly deadLetterRoutingKey: string | undefined;
  /** At-least-once dead lettering, which a quorum queue does only with reject-publish. */
  readonly keepsUntilStored: boolean;
  readonly consumerTimeoutMs: number;
  /** How long what failed is kept back, for each time that it did. */
  readonly delayedRetry: { readonly minMs: number; readonly maxMs: number } | undefined;
}

/** 30 minutes. */
const consumerTimeoutMs = 1_800_000;
/** From 4.0, of quorum queues. */
const defaultDeliveryLimit = 20;

export function queueSettings(args: HeaderTable, policy: PolicyDefinition, release: Release): QueueSettings {
  const type = typeOf(args);
  /** Of two limits the lower counts. */
  const lower = (key: keyof PolicyDefinition): number | undefined => {
    const given = [args[`x-${key}`], policy[key]].filter((value) => typeof value === 'number');
    return given.length === 0 ? undefined : Math.min(...given);
  };
  /** The argument counts. */
  const first = (key: keyof PolicyDefinition): string | undefined => {
    const value = args[`x-${key}`] ?? policy[key];
    return typeof value === 'string' ? value : undefined;
  };
  // Tried: of all arguments, this one alone gives way to a policy.
  const overflow = policy.overflow ?? args['x-overflow'];
  const rejects = overflow === 'reject-publish';
  const limit = lower('delivery-limit') ?? (release.ownsDeaths ? defaultDeliveryLimit : undefined);
  return {
    type,
    messageTtlMs: lower('message-ttl'),
    maxLength: lower('max-length'),
    overflow: rejects ? 'reject-publish' : 'drop-head',
    deliveryLimit: type === 'quorum' && limit !== undefined && limit >= 0 ? limit : undefined,
    deadLetterExchange: first('dead-letter-exchange'),
    deadLetterRoutingKey: first('dead-letter-routing-key'),
    keepsUntilStored: type === 'quorum' && rejects && first('dead-letter-strategy') === 'at-least-once',
    consumerTimeoutMs: lower('consumer-timeout') ?? consumerTimeoutMs,
    delayedRetry: delayedRetryOf(args),
  };
}

/** Of the types there are, that of failures alone is known here. */
function delayedRetryOf(args: HeaderTable): QueueSettings['delayedRetry'] {
  const { 'x-delayed-retry-type': type, 'x-delayed-retry-min': min, 'x-delayed-retry-max': max = min } = args;
  if (type !== 'failed' || typeof min !== 'number' || typeof max !== 'number') return undefined;
  return { minMs: min, maxMs: max };
}

export function typeOf(args: HeaderTable): QueueType {
  return args['x-queue-type'] === 'quorum' ? 'quorum' : 'classic';
}
