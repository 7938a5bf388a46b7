import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { type ConnectOptions, resolveConnectOptions } from './options.ts';

const url = 'amqp://localhost';

describe('the options of connect()', () => {
  test('have the documented defaults', () => {
    expect(resolveConnectOptions({ url })).toMatchObject({
      name: 'surehop',
      topology: 'declare',
      waitMs: 0,
      heartbeatSeconds: 10,
      connectTimeoutMs: 5_000,
      rpcTimeoutMs: 10_000,
      reconnectMaxDelayMs: 2_000,
      refusedMaxDelayMs: 30_000,
      confirmStallMs: 8_000,
      topologyCheckMs: 60_000,
    });
  });

  test('an option given as undefined means its default', () => {
    const given = { url, waitMs: undefined } as unknown as ConnectOptions;
    expect(resolveConnectOptions(given).waitMs).toBe(0);
  });

  test('take any logger of that shape, and tls where only some hosts have it', () => {
    const silent = Object.assign(() => undefined, pino({ level: 'silent' }));
    for (const log of [console, pino({ level: 'silent' }).child({}), silent, undefined]) {
      expect(() => resolveConnectOptions({ url, log } as ConnectOptions)).not.toThrow();
    }
    expect(() => resolveConnectOptions({ url: [url, 'amqps://localhost'], tls: {} })).not.toThrow();
  });

  test.each([
    [{ heartbeatSeconds: -1 }, 'heartbeatSeconds must be an integer in [0, 65535], got -1'],
    [{ heartbeatSeconds: 1.5 }, 'heartbeatSeconds'],
    [{ waitMs: '5' }, 'waitMs'],
    [{ rpcTimeoutMs: 0 }, 'rpcTimeoutMs'],
    [{ topology: 'assert' }, 'topology'],
    [{ hartbeatSeconds: 1 }, 'heartbeatSeconds'],
    [{ credentials: 'plain' }, 'credentials'],
    [{ credentials: 'external' }, 'amqps:'],
    [{ tls: {} }, 'no url begins with amqps:'],
    [{ url: 'amqps://localhost', tls: 42 }, 'tls must be an object of options of tls.connect, got number'],
    [{ url: 'amqps://localhost', tls: null }, 'tls must be an object of options of tls.connect, got null'],
    [{ url: 'amqps://localhost', tls: ['ca'] }, 'tls must be an object of options of tls.connect, got array'],
    [{ log: 5 }, 'log must be a logger, got number'],
    [{ log: null }, 'log must be a logger, got null'],
    [{ log: {} }, 'log must be a logger: it has no method trace'],
    [{ log: { ...console, warn: 'loud' } }, 'log must be a logger: it has no method warn'],
    [{ managementUrl: 'localhost' }, 'managementUrl'],
    [{ name: '' }, 'name'],
  ])('%j is refused', (given, message) => {
    const options = { url, ...given } as unknown as ConnectOptions;
    expect(() => resolveConnectOptions(options)).toThrow(expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' }));
    expect(() => resolveConnectOptions(options)).toThrow(message);
  });
});
