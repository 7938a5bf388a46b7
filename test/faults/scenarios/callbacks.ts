import assert from 'node:assert/strict';
import { createConsumer, defineQueue, type QueueContract, type ReceivedMessage } from '@surehop/consumer';
import { isSurehopError, type Logger } from '@surehop/core';
import { eventually } from '@surehop/testing';
import { sendJson } from '../../consuming/stage.ts';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Body, Message, Traffic } from '../traffic.ts';

/** Keeps the lines, and throws or rejects at each. */
function throwingLogger(stage: Stage): { readonly log: Logger; readonly calls: () => number } {
  let calls = 0;
  const log = {} as Logger;
  for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) {
    log[level] = (fields, message) => {
      stage.log[level](fields, message);
      calls += 1;
      if (calls % 2 === 0) throw new Error('the logger is broken');
      return Promise.reject(new Error('the log cannot be written')) as never;
    };
  }
  return { log, calls: () => calls };
}

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error('do not touch');
    },
    getPrototypeOf: () => {
      throw new Error('do not touch');
    },
  },
);

/** What handlers have thrown, by accident or not. */
const thrown: readonly (() => unknown)[] = [
  () => {
    throw undefined;
  },
  () => Promise.reject(null),
  () => {
    throw 'a text';
  },
  () => Promise.reject(7),
  () => {
    throw hostile;
  },
  () => Promise.reject(hostile),
  () => {
    throw Object.defineProperty(new Error('x'), 'message', { get: () => assert.fail('no message') });
  },
  () => {
    throw Object.freeze(Object.assign(new Error('itself'), { code: 7 }));
  },
  () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is what is tried
    then: () => {
      throw new Error('no promise');
    },
  }),
  () => Promise.reject(new AggregateError([new Error('a'), new Error('b')])),
];

/** As any standard schema, and as broken as one can be. */
const brokenSchema = {
  '~standard': {
    version: 1,
    vendor: 'nobody',
    validate(value: unknown): unknown {
      const { number } = value as Body;
      if (number === -1) throw new Error('the validator is broken');
      if (number === -2) return Promise.reject(new Error('the validator is broken'));
      if (number === -3) return undefined;
      return { value };
    },
  },
} as never;

async function consumeOdd(traffic: Traffic): Promise<QueueContract<Body>> {
  const odd = defineQueue<Body>('odd', { retry: { delaysMs: [200] } });
  // Not async, so that what is thrown at once is thrown at the SDK.
  const handler = ({ attempt, body, properties }: ReceivedMessage<Body>): unknown => {
    if (attempt === 1) return thrown[body.number]?.();
    traffic.watch.handledOne(properties.messageId ?? '');
    return undefined;
  };
  await createConsumer(traffic.consuming, odd, handler as never);
  return odd;
}

function failing({ attempt, body, log }: Message): void {
  log.warn({}, 'a line of the handler');
  if (attempt === 1 && body.number % 10 === 0) throw new Error('not at the first attempt');
}

/** What users give us to call, and what happens when it throws. */
export const callbackScenarios: readonly Scenario[] = [
  {
    name: 'throwing-logger',
    situation: 'the logger throws at every line while connections are reset and messages fail',
    duplicates: 'possible',
    // Red without `callUser` in packages/core/src/logger.ts.
    async run(stage) {
      const { log, calls } = throwingLogger(stage);
      const traffic = await stage.traffic({ connect: { log }, handle: failing });
      stage.proxy.cut();
      await traffic.recovers();
      assert(calls() > 100);
      return within(await traffic.finish(), { firstPublishedMs: 3_000, firstHandledMs: 3_000 });
    },
  },
  {
    name: 'throwing-listener',
    situation: 'a listener to the state of the connection throws',
    duplicates: 'possible',
    // Red without `callUser` in packages/core/src/rabbit.ts.
    async run(stage) {
      const traffic = await stage.traffic();
      let calls = 0;
      const later: string[] = [];
      traffic.publishing.onStateChange(() => {
        calls += 1;
        throw new Error('the listener is broken');
      });
      traffic.publishing.onStateChange(() => {
        calls += 1;
        return Promise.reject(new Error('the listener is broken')) as never;
      });
      traffic.publishing.onStateChange(({ phase }) => void later.push(phase));
      stage.proxy.cut();
      await traffic.recovers();
      assert.equal(later.at(-1), 'open', 'the listener behind them was not called');
      const told = stage.lines.filter(({ message }) => message === 'a state listener failed');
      assert.equal(told.length, calls);
      assert(told.every(({ fields }) => fields.error === 'the listener is broken'));
      return within(await traffic.finish(), { firstPublishedMs: 3_000, firstHandledMs: 3_000 });
    },
  },
  {
    name: 'throwing-handler',
    situation: 'handlers throw whatever can be thrown',
    duplicates: 'none',
    // Red without the `catch` of `settle` in packages/consumer/src/failures.ts.
    async run(stage) {
      const traffic = await stage.traffic();
      const odd = await consumeOdd(traffic);
      for (const number of thrown.keys()) {
        const told = await traffic.aside((messageId) => traffic.publisher.publish(odd, { number }, { messageId }));
        assert.equal(told, undefined);
      }
      await traffic.flows();
      assert.equal(traffic.losses, 0);
      const figures = await traffic.finish();
      const lines = stage.lines.filter(({ fields }) => fields.queue === 'odd' && fields.messageId !== undefined);
      const failures = lines.filter(({ message }) => message === 'the message failed and is tried again later');
      assert.equal(failures.length, thrown.length, 'each is told once');
      return figures;
    },
  },
  {
    name: 'throwing-schema',
    situation: 'the validator of a schema throws, rejects or answers nothing',
    duplicates: 'none',
    // Red without the `catch` in `validate` of packages/core/src/schema.ts: what the validator throws is taken for a failure
    // of the handler, and tried again.
    async run(stage) {
      const traffic = await stage.traffic({ contract: { schema: brokenSchema } });
      const { contract, publisher } = traffic;
      for (const number of [-1, -2, -3]) {
        const told = await traffic.aside((messageId) => publisher.publish(contract, { number }, { messageId }));
        assert(isSurehopError(told, 'SUREHOP_BODY_INVALID'), String(told));
        if (number !== -3) assert.match(told.message, /the schema failed: the validator is broken/);
      }
      const others = [-1, -2, -3].map((number) => ({ number }));
      await sendJson(stage.vhost, traffic.queue, others);
      await eventually(async () => assert.equal(await stage.vhost.messages('work.dead-letter'), others.length), 15_000);
      const dead = await stage.vhost.get('work.dead-letter');
      assert(dead.every(({ headers }) => headers['surehop-reason'] === 'invalid' && headers['surehop-attempt'] === 1));
      await traffic.flows();
      assert.equal(traffic.losses, 0);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, { SUREHOP_BODY_INVALID: 3 });
      return figures;
    },
  },
];
