import type { HeaderTable } from '@surehop/core';
import type { Management } from './management.ts';

/** A queue as the management API shows it. What it does not know yet, or at all, is left out. Counts are up to 5 s old. */
export interface QueueView {
  readonly name: string;
  readonly type?: string;
  /** `running`, or why not: `down`, `minority`, `stopped`. */
  readonly state?: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  /** Null on some releases when there are no statistics. */
  readonly exclusive?: boolean | null;
  readonly arguments?: HeaderTable;
  readonly consumers?: number;
  /** Ready, unacknowledged, and held for the next queue. */
  readonly messages?: number;
  readonly messages_ready?: number;
  readonly messages_unacknowledged?: number;
  /** Dead ones that the next queue has not confirmed yet. */
  readonly messages_dlx?: number;
  readonly message_bytes?: number;
  readonly members?: readonly string[];
  readonly online?: readonly string[];
  readonly policy?: string | null;
  readonly operator_policy?: string | null;
  /** An empty one comes as a table or as a list. */
  readonly effective_policy_definition?: HeaderTable | readonly [] | null;
  /** Counters since the queue began; left out until something happened. */
  readonly message_stats?: MessageStats;
}

export interface MessageStats {
  readonly publish?: number;
  readonly ack?: number;
  readonly deliver_no_ack?: number;
  readonly get_no_ack?: number;
}

export interface ExchangeView {
  readonly name: string;
  readonly type: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  readonly internal: boolean;
  readonly arguments?: HeaderTable;
  readonly policy?: string | null;
}

export interface BindingView {
  /** The exchange; empty for the default one. */
  readonly source: string;
  readonly destination: string;
  readonly destination_type: 'queue' | 'exchange';
  readonly routing_key: string;
  readonly arguments?: HeaderTable;
}

export interface PolicyView {
  readonly name: string;
  readonly pattern: string;
  /** `queues`, `exchanges`, `all`, and since 3.12 one type of queues. */
  readonly 'apply-to': string;
  readonly definition: HeaderTable;
  readonly priority: number;
}

const queueColumns = [
  'name,type,state,durable,auto_delete,exclusive,arguments,consumers,messages,messages_ready,messages_unacknowledged',
  'messages_dlx,message_bytes,members,online,policy,operator_policy,effective_policy_definition,message_stats',
].join(',');

/** Every queue of the virtual host. */
export function queuesOf(management: Management): Promise<readonly QueueView[]> {
  return management.get(['queues', management.vhost], { columns: queueColumns });
}

/** Every exchange of the virtual host, the broker's own included. */
export function exchangesOf(management: Management): Promise<readonly ExchangeView[]> {
  const columns = 'name,type,durable,auto_delete,internal,arguments,policy';
  return management.get(['exchanges', management.vhost], { columns });
}

/** Every binding of the virtual host, those of the default exchange left out. */
export async function bindingsOf(management: Management): Promise<readonly BindingView[]> {
  const found = await management.get<readonly BindingView[]>(['bindings', management.vhost]);
  return found.filter(({ source }) => source !== '');
}
