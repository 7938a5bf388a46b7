import type { HeaderTable } from '@surehop/core';
import { headerNames, type IncomingMessage } from '@surehop/core/internal';
import type { Delivery } from '../delivery.ts';
import type { Entrance } from '../gate.ts';
import type { Settlement } from '../settler.ts';
import type { Numbered } from './sequence.ts';

/** Who is told what becomes of a delivery. */
export interface Keeper {
  settle(one: Sequenced, settlement: Settlement): void;
  again(one: Sequenced, headers: HeaderTable, delayMs: number): void;
  left(one: Sequenced): void;
}

export interface SequencedOptions extends Numbered {
  readonly delivery: Delivery;
  /** The subscription that it came through. */
  readonly origin: Entrance;
}

/** A delivery with its place in a sequence. Handlers see it instead of the delivery that it stands for. */
export class Sequenced implements Delivery, Numbered {
  readonly number: number;
  readonly id: string;
  /** The subscription that it came through. */
  readonly origin: Entrance;
  /** The name of its lane. */
  readonly lane: string;
  /** What came through the channel. */
  readonly delivery: Delivery;
  /** By the clock, when it may start. */
  dueAt: number = Number.NEGATIVE_INFINITY;
  /** Its handler has been called and has not returned. */
  isRunning = false;
  readonly #keeper: Keeper;
  #message: IncomingMessage;

  constructor(keeper: Keeper, lane: string, { delivery, origin, number, id }: SequencedOptions) {
    this.#keeper = keeper;
    this.lane = lane;
    this.delivery = delivery;
    this.origin = origin;
    this.number = number;
    this.id = id;
    this.#message = delivery.message;
  }

  get message(): IncomingMessage {
    return this.#message;
  }

  get deliveryCount(): number {
    return this.delivery.deliveryCount;
  }

  get gone(): AbortSignal {
    return this.delivery.gone;
  }

  settle(settlement: Settlement): void {
    this.#keeper.settle(this, settlement);
  }

  again(headers: HeaderTable, delayMs: number): void {
    this.#keeper.again(this, headers, delayMs);
  }

  begun(): void {
    this.isRunning = true;
  }

  left(): void {
    this.isRunning = false;
    this.#keeper.left(this);
  }

  /** Waits here, and not in a rung: what its headers say of that is for others. */
  postpone(headers: HeaderTable, dueAt: number): void {
    const { [headerNames.notBefore]: _notBefore, ...rest } = headers;
    const { consumerTag, deliveryTag, redelivered, exchange, routingKey, content, properties } = this.#message;
    this.#message = { consumerTag, deliveryTag, redelivered, exchange, routingKey, content, properties, headers: rest };
    this.dueAt = dueAt;
  }
}
