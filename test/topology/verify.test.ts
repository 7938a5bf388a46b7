import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type ConnectOptions,
  connect,
  defineExchange,
  defineQueue,
  type QueueContract,
  type Rabbit,
  type TopologyMode,
} from '@surehop/core';
import { type Clock, internalsOf, queueTopology, systemEffects } from '@surehop/core/internal';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const { log } = keepingLogger();
const orders = defineQueue('orders', { retry: { delaysMs: [100] } });
const other = defineQueue('orders', { deliveryLimit: 51, retry: { delaysMs: [100] } });
const ensure = (rabbit: Rabbit, contract: QueueContract = orders): Promise<void> =>
  internalsOf(rabbit).topology.ensure(queueTopology(contract), AbortSignal.timeout(10_000));
const states = (rabbit: Rabbit): Set<string> => new Set(rabbit.health().topology.map(({ state }) => state));

async function declared(topology: TopologyMode = 'declare'): Promise<void> {
  await using rabbit = await connect({ url: vhost.url(), topology, log });
  await ensure(rabbit);
}

describe('[topology: verify]', () => {
  test('what is missing is told, and nothing is declared', async () => {
    await using rabbit = await connect({ url: vhost.url(), topology: 'verify', log });
    await expect(ensure(rabbit)).rejects.toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH', argument: undefined });
    expect(await vhost.queues()).toEqual([]);
  });

  test('arguments are compared by declaring again where the user may', async () => {
    await declared();
    await using rabbit = await connect({ url: vhost.url(), topology: 'verify', log });
    await ensure(rabbit);
    expect(states(rabbit)).toEqual(new Set(['compared']));
    await using second = await connect({ url: vhost.url(), topology: 'verify', log });
    await expect(ensure(second, other)).rejects.toMatchObject({
      argument: 'x-delivery-limit',
      wanted: '51',
      found: '50',
    });
  });

  test('where he may not, health() says that nothing was compared', async () => {
    await declared();
    const user = await vhost.addUser('worker', 'secret', { read: '.*' });
    await using rabbit = await connect({ url: user.url(), topology: 'verify', log });
    await ensure(rabbit, other);
    expect(states(rabbit)).toEqual(new Set(['exists, not compared']));
  });

  test('[managementUrl] arguments and bindings are compared through the management API', async () => {
    await declared();
    const options = await managed();
    await using rabbit = await connect(options);
    await ensure(rabbit);
    expect(states(rabbit)).toEqual(new Set(['compared']));
    await using second = await connect(options);
    await expect(ensure(second, other)).rejects.toMatchObject({
      argument: 'x-delivery-limit',
      wanted: '51',
      found: '50',
    });
  });
});

describe('[managementUrl] a management API that fails', () => {
  test('keeps nobody waiting: nothing is compared, which is logged once, until a check finds it answering', async () => {
    await declared();
    const { log: kept, lines } = keepingLogger();
    const options = await managed();
    await using api = await failingApi(options.managementUrl as string);
    await using rabbit = await connect({ ...options, managementUrl: api.url, topologyCheckMs: 100, log: kept });
    await ensure(rabbit);
    expect(states(rabbit)).toEqual(new Set(['exists, not compared']));
    await eventually(() => expect(api.asked('/api/nodes')).toBeGreaterThan(3));
    // Over an amqplib whose inside is not known, that is told as well.
    const warnings = (): string[] =>
      lines.flatMap(({ level, message }) => (level !== 'warn' || message.startsWith('amqplib is not') ? [] : message));
    expect(warnings()).toEqual(told);
    api.heal();
    await eventually(() => expect(states(rabbit)).toEqual(new Set(['compared'])));
    // This user has not the tag "monitoring", and goes on without what it gives.
    const asked = api.asked('/api/nodes');
    await eventually(() => expect(api.asked('/api/nodes')).toBeGreaterThan(asked + 2));
    expect(warnings()).toEqual(told);
  });

  test('one that never answers is waited for once', async () => {
    await declared();
    await using api = await failingApi('', () => undefined);
    const options = { ...(await managed()), managementUrl: api.url };
    await using rabbit = await connect({ ...options, effects: { ...systemEffects, clock: hasty } });
    await ensure(rabbit);
    expect(states(rabbit)).toEqual(new Set(['exists, not compared']));
    expect(api.asked('/api/queues')).toBe(0);
    expect(api.asked('/api/exchanges')).toBe(1);
  });

  const told = [
    'topology cannot be compared through the management API; each check tries again',
    'the management API could not be asked about replication; each check tries again',
  ];
  /** What is given five seconds gets a tenth of one. */
  const hasty: Clock = {
    ...systemEffects.clock,
    deadline: (delayMs) => AbortSignal.timeout(delayMs === 5_000 ? 100 : delayMs),
  };
});

describe('[managementUrl] bindings', () => {
  const events = defineExchange('events', { type: 'headers' });
  const bound = (kind: string): QueueContract =>
    defineQueue('orders', { retry: { delaysMs: [100] }, bindTo: [{ exchange: events, headers: { kind } }] });

  test('are compared with their headers', async () => {
    await using declaring = await connect({ url: vhost.url(), log });
    await ensure(declaring, bound('a'));
    const options = await managed();
    await using rabbit = await connect(options);
    await ensure(rabbit, bound('a'));
    await using second = await connect(options);
    await expect(ensure(second, bound('b'))).rejects.toMatchObject({ entity: expect.stringContaining('binding') });
  });
});

describe('[topology: off]', () => {
  test('nothing is asked of the broker', async () => {
    await using rabbit = await connect({ url: vhost.url(), topology: 'off', log });
    await ensure(rabbit);
    expect(rabbit.health().topology).toEqual([]);
    expect(await vhost.queues()).toEqual([]);
  });
});

interface FailingApi extends AsyncDisposable {
  readonly url: string;
  asked(path: string): number;
  /** From now on it answers what the broker's own one does. */
  heal(): void;
}

/** A management API that answers 503, or what it is told to. */
async function failingApi(
  real: string,
  answer: (response: ServerResponse) => void = (response) => void response.writeHead(503).end(),
): Promise<FailingApi> {
  const paths: string[] = [];
  let respond: (response: ServerResponse, path: string) => void | Promise<void> = answer;
  const server = createServer(({ url = '' }, response) => {
    paths.push(url);
    void respond(response, url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: (path) => paths.filter((one) => one.startsWith(path)).length,
    heal: () => {
      const { username, password, origin } = new URL(real);
      const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
      respond = async (response, path) => {
        const found = await fetch(new URL(path, origin), { headers });
        response.writeHead(found.status).end(await found.text());
      };
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A user who may read and see, and nothing else. */
async function managed(): Promise<ConnectOptions> {
  const user = await vhost.addUser('worker', 'secret', { read: '.*', tags: 'management' });
  const management = new URL(vhost.managementUrl);
  Object.assign(management, { username: user.username, password: user.password });
  return { url: user.url(), topology: 'verify', managementUrl: management.href, log };
}
