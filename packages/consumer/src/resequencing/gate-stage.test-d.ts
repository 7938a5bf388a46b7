import type { Logger } from '@surehop/core';
import type { IncomingMessage } from '@surehop/core/internal';
import type { Delivery } from '../delivery.ts';
import type { Entrance } from '../gate.ts';
import { HandClock } from '../hand-clock.test-d.ts';
import { type ResequenceOptions, resolveResequenceOptions } from './resequence-options.ts';
import { Resequencing } from './resequencing.ts';

interface Given {
  readonly id?: string;
  readonly key?: string;
  readonly redelivered?: boolean;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/** A way in, with what has entered, whose handlers run. */
export interface Way extends Entrance {
  isTaking: boolean;
  readonly entered: Delivery[];
}

export function way(): Way {
  const entered: Delivery[] = [];
  const enter = (delivery: Delivery): void => {
    entered.push(delivery);
    delivery.begun?.();
  };
  return { isTaking: true, entered, enter };
}

/** A gate by itself, and what comes of it. */
export interface Stage {
  readonly resequencing: Resequencing;
  readonly clock: HandClock;
  readonly first: Way;
  /** `m-1 ack` for each that was settled. */
  readonly settled: string[];
  readonly refused: string[];
  readonly lines: string[];
  readonly state: { mayReceive: boolean; halts: number };
  deliver(number: number, given?: Given, through?: Way): void;
  /** The ids of what is at work. */
  atWork(through?: Way): (string | undefined)[];
  /** Its handler is done with the oldest one. */
  done(through?: Way): void;
}

export function opened(options: ResequenceOptions = {}): Stage {
  const clock = new HandClock();
  const first = way();
  const settled: string[] = [];
  const refused: string[] = [];
  const lines: string[] = [];
  const say = (fields: Readonly<Record<string, unknown>>, text: string): void => {
    lines.push(`${text}: ${String(fields.from)}-${String(fields.to)} ${String(fields.reason)}`);
  };
  const log: Logger = { trace: () => {}, debug: () => {}, info: say, warn: say, error: say };
  const state = { mayReceive: true, halts: 0 };
  const resequencing = new Resequencing({
    queue: 'orders',
    options: resolveResequenceOptions({ maxGapMs: 1_000, maxBuffered: 10, ...options }),
    clock,
    random: () => 0.5,
    log,
    mayReceive: () => state.mayReceive,
    wantMore: () => {},
    refuse: (delivery, error) => {
      refused.push(`${delivery.message.properties.messageId}: ${error.message}`);
      delivery.settle('ack');
    },
    onHalt: () => {
      state.halts += 1;
    },
  });
  const deliver = (number: number, given: Given = {}, through: Way = first): void => {
    const { id = `m-${number}`, key = 'k', redelivered = false } = given;
    const headers = { 'surehop-sequence': number, 'surehop-sequence-key': key, ...given.headers };
    const message = { properties: { messageId: id }, headers, redelivered, content: Buffer.of() };
    const delivery: Delivery = {
      message: message as unknown as IncomingMessage,
      deliveryCount: 0,
      gone: new AbortController().signal,
      settle: (settlement) => void settled.push(`${id} ${settlement}`),
    };
    resequencing.arrived(delivery, through);
  };
  const atWork = (through: Way = first) => through.entered.map(({ message }) => message.properties.messageId);
  const done = (through: Way = first): void => {
    const delivery = through.entered.shift();
    delivery?.settle('ack');
    delivery?.left?.();
  };
  return { resequencing, clock, first, settled, refused, lines, state, deliver, atWork, done };
}

/** What a store has answered is taken note of. */
export const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
