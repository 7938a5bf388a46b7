import { type ConsumerOptions, createConsumer, defineQueue, type Rabbit } from '@surehop/consumer';
import type { TestBroker } from '@surehop/testing';
import { keepingLogger } from '../connection/lines.ts';

/** One step of an account: those of one account are handled in order. */
export interface Step {
  readonly account: string;
  readonly step: number;
}

export const steps = defineQueue<Step>('steps', { singleActiveConsumer: true, retry: { delaysMs: [1_000, 60_000] } });
export const silent = { log: keepingLogger().log };
export const byAccount: ConsumerOptions<Step> = { orderBy: ({ body }) => body.account };

/** `a1 a2 b1`: the first and second step of account a, the first of b. Their ids are the same. */
export function send(broker: TestBroker, text: string): void {
  for (const one of text.split(' ')) {
    broker.publish('', 'steps', stepOf(one), { properties: { messageId: one } });
  }
}

export function stepOf(text: string): Step {
  return { account: text.slice(0, 1), step: Number(text.slice(1)) };
}

/** What was started so far, with the attempt where it is not the first. */
export async function consuming(
  broker: TestBroker,
  handle: (step: string, attempt: number) => unknown = () => undefined,
  options: ConsumerOptions<Step> = byAccount,
) {
  const seen: string[] = [];
  const rabbit: Rabbit = await broker.connect(silent);
  const consumer = await createConsumer(
    rabbit,
    steps,
    ({ body, attempt }) => {
      const step = `${body.account}${body.step}`;
      seen.push(attempt === 1 ? step : `${step}/${attempt}`);
      return handle(step, attempt);
    },
    options,
  );
  return { seen, consumer, rabbit };
}

export const failTwice = (step: string, attempt: number): void => {
  if (step === 'a1' && attempt < 3) throw new Error('not yet');
};
