import { describe, expect, test, vi } from 'vitest';
import { type Driver, DriverError, type DriverLink } from './driver.ts';
import type { Logger } from './logger.ts';
import { connect, internalsOf, type Rabbit } from './rabbit.ts';

/** A broker that does nothing but be connected, of the versions given, one after the other. */
function idleBroker(...versions: readonly string[]): { readonly driver: Driver; readonly links: DriverLink[] } {
  const links: DriverLink[] = [];
  const dial = (): Promise<DriverLink> => {
    let onClosed: (cause: DriverError | undefined) => void = () => undefined;
    const end = (cause?: DriverError): void => onClosed(cause);
    const link: DriverLink = {
      serverVersion: versions[Math.min(links.length, versions.length - 1)] ?? '',
      frameMax: 131_072,
      openChannel: () => Promise.reject(new DriverError('channel', 'there are none')),
      onBlocked: () => undefined,
      onUnblocked: () => undefined,
      onClosed: (listener) => {
        onClosed = listener;
      },
      updateSecret: () => Promise.resolve(),
      close: () => Promise.resolve(end()),
      destroy: end,
    };
    links.push(link);
    return Promise.resolve(link);
  };
  return { driver: { dial }, links };
}

function warnings(): { readonly log: Logger; readonly told: string[] } {
  const told: string[] = [];
  const ignore = (): void => undefined;
  const warn = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    told.push([fields.broker, fields.bug, message].filter((part) => part !== undefined).join(': '));
  };
  return { log: { trace: ignore, debug: ignore, info: ignore, warn, error: ignore }, told };
}

describe('the version that a broker announces', () => {
  test('is no matter where it is tested and has no known bug', async () => {
    const { log, told } = warnings();
    const rabbit = await connect({ url: 'amqp://localhost', driver: idleBroker('4.3.6').driver, log });
    expect(told).toEqual([]);
    await rabbit.close();
  });

  test('brings one warning for each of its known bugs, once for both links', async () => {
    const { log, told } = warnings();
    const rabbit = await connect({ url: 'amqp://localhost', driver: idleBroker('3.13.1').driver, log });
    expect(told).toEqual([expect.stringMatching(/^RabbitMQ 3\.13\.1: .*#11159.*lose or strand messages$/)]);
    await rabbit.close();
  });

  test('brings one warning where it is none that is tested', async () => {
    const { log, told } = warnings();
    const rabbit = await connect({ url: 'amqp://localhost', driver: idleBroker('3.8.9').driver, log });
    expect(told).toEqual(['RabbitMQ 3.8.9: this broker is none that Surehop is tested with']);
    await rabbit.close();
  });
});

describe('what is used as a connection', () => {
  const refusal =
    (given: unknown): (() => unknown) =>
    () =>
      internalsOf(given as Rabbit);

  test('must have been waited for', async () => {
    const { driver } = idleBroker('4.3.6');
    const connecting = connect({ url: 'amqp://localhost', driver, log: warnings().log });
    expect(refusal(connecting)).toThrow(
      expect.objectContaining({
        code: 'SUREHOP_OPTION_INVALID',
        message: 'the connection is a promise: await connect() first',
      }),
    );
    await (await connecting).close();
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['amqp://localhost', 'string'],
    [{}, 'object'],
    [new Map(), 'Map'],
  ])('must come from connect(): not %j', (given, kind) => {
    expect(refusal(given)).toThrow(
      expect.objectContaining({
        code: 'SUREHOP_OPTION_INVALID',
        message: `the connection must be what connect() resolves with, got ${kind}`,
      }),
    );
  });
});

test('close() refuses a time limit that is none, and closes nothing', async () => {
  const { driver } = idleBroker('4.3.6');
  const rabbit = await connect({ url: 'amqp://localhost', driver, log: warnings().log });
  await expect(rabbit.close({ timeoutMs: -1 })).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  expect(rabbit.state.phase).toBe('open');
  await rabbit.close();
  expect(rabbit.state.phase).toBe('closed');
});

test('a broker that takes connections and drops them is tried more and more rarely', async () => {
  const { driver, links } = idleBroker('4.3.6');
  const rabbit = await connect({ url: 'amqp://localhost', driver, log: warnings().log });
  const startedAt = performance.now();
  const { dial } = driver;
  Object.assign(driver, {
    dial: async (...given: Parameters<Driver['dial']>) => {
      const link = await dial(...given);
      setImmediate(() => link.destroy(new DriverError('socket', 'dropped')));
      return link;
    },
  });
  for (const link of [...links]) link.destroy(new DriverError('socket', 'dropped'));
  await vi.waitUntil(() => performance.now() - startedAt > 3_000, { timeout: 5_000 });
  // Without a memory of short sessions it is one in some 50 ms, for each of the two links.
  expect(links.length).toBeLessThan(40);
  await rabbit.close();
});

describe('a state listener', () => {
  test('whose promise rejects breaks nothing', async () => {
    const { driver, links } = idleBroker('4.3.6');
    const { log, told } = warnings();
    const rabbit = await connect({ url: 'amqp://localhost', driver, log });
    rabbit.onStateChange((() => Promise.reject(new Error('a user made a mistake'))) as () => void);
    links[0]?.destroy(new DriverError('socket', 'cut'));
    await vi.waitFor(() => expect(told).toContain('a state listener failed'));
    await rabbit.close();
  });
});

describe('health()', () => {
  test('is down as soon as one link is, and says closed after close()', async () => {
    const { driver, links } = idleBroker('4.3.6');
    const rabbit = await connect({ url: 'amqp://localhost', driver, log: warnings().log });
    expect(rabbit.health().status).toBe('ok');
    links[1]?.destroy(new DriverError('socket', 'cut'));
    expect(rabbit.health()).toMatchObject({
      status: 'down',
      links: { publish: { phase: 'waiting', host: undefined }, consume: { phase: 'open' } },
    });
    await rabbit.close();
    expect(rabbit.health()).toMatchObject({ status: 'down', links: { consume: { phase: 'closed' } } });
  });
});
