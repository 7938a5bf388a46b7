import { type Consumer, createConsumer, type Rabbit } from '@surehop/consumer';
import type { Publisher } from '@surehop/publisher';
import { eventually, type Vhost } from '@surehop/testing';
import { expect } from 'vitest';
import type { Ledger, Step } from './ledger.ts';
import { handling, type Limits, orderBy, type Rule, steps } from './ordered-process.ts';

export const nothingFails: Rule = { failing: [] };

export function numbers(from: number, until: number): number[] {
  return Array.from({ length: until - from }, (_, index) => from + index);
}

/** The steps of all keys by turns, those of one key in order. */
export async function publish(
  publisher: Publisher,
  keys: readonly string[],
  from: number,
  until: number,
): Promise<void> {
  const bodies = numbers(from, until).flatMap((step) => keys.map((key) => ({ key, step })));
  await Promise.all(bodies.map((body) => publisher.publish(steps, body)));
}

/** A consumer of this process, which fails as `rule` says at the time. */
export function consume(
  rabbit: Rabbit,
  ledger: Ledger,
  rule: (step: Step, attempt: number) => Rule,
  limits: Limits,
): Promise<Consumer> {
  const handler = handling(rule, (mark) => ledger.note(mark));
  return createConsumer(rabbit, steps, handler, { ...limits, orderBy });
}

/** Nothing is left anywhere. */
export async function expectEmpty(vhost: Vhost): Promise<void> {
  await eventually(async () => {
    const counts = await Promise.all(
      ['steps', 'steps.waiting', 'steps.dead-letter'].map((name) => vhost.messages(name)),
    );
    expect(counts).toEqual([0, 0, 0]);
  }, 10_000);
}
