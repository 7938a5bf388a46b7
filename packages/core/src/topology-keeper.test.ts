import { expect, test, vi } from 'vitest';
import { defineExchange, defineQueue, type QueueContract } from './contract.ts';
import { type Driver, type DriverChannel, DriverError, type DriverLink } from './driver.ts';
import { systemEffects } from './effects.ts';
import type { Logger } from './logger.ts';
import type { ConnectOptions } from './options.ts';
import { connect, internalsOf, type Rabbit } from './rabbit.ts';
import { queueTopology } from './topology.ts';

const dead = ['dead-1', 'dead-2', 'dead-3', 'dead-4'].map((name) => contract(name));
const healthy = contract('healthy');

test('a queue that does not answer keeps no other contract waiting, after a reconnect either', async () => {
  const broker = new FakeBroker();
  await using rabbit = await open(broker, { rpcTimeoutMs: 60_000 });
  await Promise.all([...dead, healthy].map((one) => ensure(rabbit, one)));
  for (const { name } of dead) broker.silent.add(name);
  broker.cut();
  await vi.waitFor(() => expect(rabbit.state.generation).toBe(2));
  const waiting = new AbortController();
  const stuck = Promise.allSettled(dead.map((one) => ensure(rabbit, one, waiting.signal)));
  await ensure(rabbit, healthy);
  await ensure(rabbit, contract('brand-new'));
  waiting.abort();
  expect((await stuck).map(({ status }) => status)).toEqual(dead.map(() => 'rejected'));
});

test('[topologyCheckMs] nor does it keep the others from being checked', async () => {
  const broker = new FakeBroker();
  await using rabbit = await open(broker, { rpcTimeoutMs: 60_000, topologyCheckMs: 100 });
  await Promise.all([...dead, healthy].map((one) => ensure(rabbit, one)));
  for (const { name } of dead) broker.silent.add(name);
  const before = broker.count('healthy');
  await vi.waitFor(() => expect(broker.count('healthy')).toBeGreaterThan(before + 4));
});

test('what several contracts share is asserted once', async () => {
  const broker = new FakeBroker();
  await using rabbit = await open(broker);
  const shop = defineExchange('shop', { type: 'topic' });
  const bound = ['a', 'b', 'c'].map((name) =>
    defineQueue(name, { retry: { delaysMs: [] }, bindTo: [{ exchange: shop, routingKey: '#' }] }),
  );
  await Promise.all(bound.map((one) => ensure(rabbit, one)));
  expect(broker.count('shop')).toBe(1);
});

test('an exchange that is deleted between its own assertion and that of its binding is made again', async () => {
  const broker = new FakeBroker();
  await using rabbit = await open(broker);
  await ensure(rabbit, healthy);
  broker.missing = 'binding of healthy';
  broker.cut();
  await vi.waitFor(() => expect(broker.missing).toBeUndefined());
  await ensure(rabbit, healthy);
  await vi.waitFor(() => expect(broker.count('healthy.retry')).toBeGreaterThan(2));
});

test('[rpcTimeoutMs] one that does not answer is given more time at each request', async () => {
  const delays = new WeakMap<AbortSignal, number>();
  const deadline = (delayMs: number): AbortSignal => {
    const signal = AbortSignal.timeout(delayMs < 1_000 ? 1 : delayMs);
    delays.set(signal, delayMs);
    return signal;
  };
  const broker = new FakeBroker();
  broker.silent.add('dead-1');
  const effects = { ...systemEffects, random: () => 0, clock: { ...systemEffects.clock, deadline } };
  await using rabbit = await open(broker, { rpcTimeoutMs: 10, effects });
  const waiting = new AbortController();
  const stuck = ensure(rabbit, contract('dead-1'), waiting.signal).catch(() => 'left');
  await vi.waitFor(() => expect(broker.deadlines.length).toBeGreaterThan(7));
  waiting.abort();
  expect(await stuck).toBe('left');
  expect(broker.deadlines.slice(0, 8).map((signal) => delays.get(signal))).toEqual([
    ...[10, 20, 40, 80, 160, 320, 320, 320],
  ]);
});

test('who stops waiting is told what failed last, under the name of the reason', async () => {
  const broker = new FakeBroker();
  broker.silent.add('dead-1');
  await using rabbit = await open(broker, { rpcTimeoutMs: 10 });
  await expect(ensure(rabbit, contract('dead-1'), AbortSignal.timeout(500))).rejects.toMatchObject({
    name: 'TimeoutError',
    message: expect.stringContaining('no answer'),
    cause: { name: 'DriverError', message: 'no answer' },
  });
});

test('who stops waiting before anything failed is told the reason', async () => {
  const broker = new FakeBroker();
  broker.silent.add('dead-1');
  await using rabbit = await open(broker);
  const waiting = new AbortController();
  const stuck = ensure(rabbit, contract('dead-1'), waiting.signal);
  const reason = new Error('no longer wanted');
  waiting.abort(reason);
  await expect(stuck).rejects.toBe(reason);
});

test('nothing is declared later of a topology that a first caller did not get', async () => {
  const broker = new FakeBroker();
  broker.refused.add('wrong');
  await using rabbit = await open(broker, { topologyCheckMs: 100 });
  await ensure(rabbit, healthy);
  await expect(ensure(rabbit, contract('wrong'))).rejects.toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH' });
  const mismatch = { entity: 'queue "wrong"', state: 'mismatch' };
  const told = rabbit.health().topology.filter(({ entity }) => entity.includes('wrong'));
  expect(told).toEqual([mismatch]);
  const before = broker.count('healthy');
  await vi.waitFor(() => expect(broker.count('healthy')).toBeGreaterThan(before + 4));
  expect(broker.count('wrong')).toBe(1);
  expect(broker.count('wrong.retry.100')).toBe(0);
  // Nobody has met it since: what became of it is not known.
  expect(rabbit.health().topology).not.toContainEqual(mismatch);
});

test('a topology that stood goes on being checked, whatever becomes of it', async () => {
  const broker = new FakeBroker();
  await using rabbit = await open(broker, { topologyCheckMs: 100 });
  await ensure(rabbit, healthy);
  broker.refused.add('healthy');
  broker.cut();
  await vi.waitFor(() => expect(rabbit.state.generation).toBe(2));
  await expect(ensure(rabbit, healthy)).rejects.toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH' });
  const state = (): string | undefined =>
    rabbit.health().topology.find(({ entity }) => entity === 'queue "healthy"')?.state;
  expect(state()).toBe('mismatch');
  broker.refused.clear();
  await vi.waitFor(() => expect(state()).toBe('declared'));
});

test('channels without work are closed', async () => {
  const broker = new FakeBroker();
  await using rabbit = await open(broker);
  await Promise.all(dead.map((one) => ensure(rabbit, one)));
  expect(broker.openChannels).toBeGreaterThan(0);
  await vi.waitFor(() => expect(broker.openChannels).toBe(0), 5_000);
  await ensure(rabbit, healthy);
});

/** Agrees to everything, except that what is in `silent` never answers, and what is in `refused` is otherwise there. */
class FakeBroker {
  readonly silent = new Set<string>();
  readonly refused = new Set<string>();
  /** Answered by a 404 once. */
  missing: string | undefined;
  /** Of the requests that were not answered. */
  readonly deadlines: AbortSignal[] = [];
  openChannels = 0;
  readonly #asked: string[] = [];
  readonly #cuts = new Set<() => void>();

  readonly driver: Driver = {
    dial: () => {
      let onClosed: (cause: DriverError | undefined) => void = () => undefined;
      const lost = new AbortController();
      const end = (cause?: DriverError): void => {
        this.#cuts.delete(cut);
        lost.abort(cause);
        onClosed(cause);
      };
      const cut = (): void => end(new DriverError('socket', 'cut'));
      this.#cuts.add(cut);
      const link: DriverLink = {
        serverVersion: '4.3.6',
        frameMax: 131_072,
        openChannel: () => Promise.resolve(this.#channel(lost.signal)),
        onBlocked: () => undefined,
        onUnblocked: () => undefined,
        onClosed: (listener) => {
          onClosed = listener;
        },
        updateSecret: () => Promise.resolve(),
        close: () => Promise.resolve(end()),
        destroy: end,
      };
      return Promise.resolve(link);
    },
  };

  /** How often an entity was declared or looked for. */
  count(name: string): number {
    return this.#asked.filter((one) => one === name).length;
  }

  cut(): void {
    for (const cut of [...this.#cuts]) cut();
  }

  #channel(lost: AbortSignal): DriverChannel {
    let isOpen = true;
    this.openChannels += 1;
    const end = (): void => {
      if (isOpen) this.openChannels -= 1;
      isOpen = false;
    };
    lost.addEventListener('abort', end);
    const answer = (name: string, deadline: AbortSignal): Promise<void> => {
      this.#asked.push(name);
      if (this.refused.has(name)) {
        end();
        return Promise.reject(new DriverError('channel', 'PRECONDITION_FAILED', { replyCode: 406 }));
      }
      if (this.missing === name) {
        this.missing = undefined;
        end();
        return Promise.reject(new DriverError('channel', 'NOT_FOUND', { replyCode: 404 }));
      }
      if (!this.silent.has(name)) return Promise.resolve();
      this.deadlines.push(deadline);
      return new Promise((_resolve, reject) => {
        for (const signal of [deadline, lost]) {
          signal.addEventListener('abort', () => {
            end();
            reject(new DriverError('channel', 'no answer'));
          });
        }
      });
    };
    const channel: Partial<DriverChannel> = {
      get isOpen() {
        return isOpen;
      },
      declareQueue: ({ name }, deadline) => answer(name, deadline),
      checkQueue: async (name, deadline) => {
        await answer(name, deadline);
        return 0;
      },
      declareExchange: ({ name }, deadline) => answer(name, deadline),
      checkExchange: (name, deadline) => answer(name, deadline),
      bind: ({ queue }, deadline) => answer(`binding of ${queue}`, deadline),
      close: () => Promise.resolve(end()),
    };
    return channel as DriverChannel;
  }
}

function open(broker: FakeBroker, options: Partial<ConnectOptions> = {}): Promise<Rabbit> {
  const ignore = (): void => undefined;
  const log: Logger = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
  return connect({ url: 'amqp://localhost', driver: broker.driver, log, ...options });
}

function ensure(rabbit: Rabbit, one: QueueContract, signal = AbortSignal.timeout(3_000)): Promise<void> {
  return internalsOf(rabbit).topology.ensure(queueTopology(one), signal);
}

function contract(name: string): QueueContract {
  return defineQueue(name, { retry: { delaysMs: [100] } });
}
