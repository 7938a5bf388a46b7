import type { ExchangeContract, QueueContract, StreamContract } from '@surehop/core';
import type { OutgoingMessage, Place, Sending, Topology } from '@surehop/core/internal';
import type { Receipt } from './receipt.ts';

export type Contract<In = unknown, Out = In> =
  | QueueContract<In, Out>
  | ExchangeContract<In, Out>
  | StreamContract<In, Out>;

/** What a message can be delayed to: from 3.12 on only, a stream could be a dead-letter target. */
export type Delayable = QueueContract | ExchangeContract;

/** What a delayed message to a contract needs: the contract's own, the delay network, and the way back from it. */
export interface DelayRoute {
  readonly kind: 'delayed queue' | 'delayed exchange';
  readonly name: string;
  readonly topology: Topology;
}

/** What can be declared for a message. */
export type Declarable = Contract | DelayRoute;

/** What a call waits for: its schema, its contract's topology, room; or it is on a lane, or comes from nowhere yet. */
export type Stage = 'new' | 'checking' | 'declaring' | 'queued' | 'sent';

/** Who is told what became of a message; either is called once. */
export interface Answer {
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

/** One message until it is settled: all that is kept of it. */
export interface Pending extends Answer {
  readonly message: OutgoingMessage;
  readonly messageId: string;
  /** What it needs to stand; undefined for `publishTo`. */
  readonly contract: Declarable | undefined;
  /** Of body and headers. */
  readonly bytes: number;
  readonly deadlineMs: number;
  /** By the clock, in milliseconds. */
  readonly deadlineAt: number;
  readonly signal: AbortSignal | undefined;
  stage: Stage;
  /** Once it is sent. */
  sending: Sending | undefined;
  /** As `Weighted` has it. */
  standing: 'parked' | 'admitted' | Place<unknown> | undefined;
  /** As `WithDeadline` has it. */
  pendingAt: Place<unknown> | undefined;
}

/** For people: `queue "orders"` or `exchange "events" by "order.created"`. */
export function addressOf({ exchange, routingKey }: Pick<OutgoingMessage, 'exchange' | 'routingKey'>): string {
  return exchange === '' ? `queue "${routingKey}"` : `exchange "${exchange}" by "${routingKey}"`;
}
