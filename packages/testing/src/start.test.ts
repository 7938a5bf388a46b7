import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { BrokerUnavailableError } from './errors.ts';
import { freePort } from './port.ts';
import { startBroker } from './start.ts';

const log = (): void => {};

describe('startBroker()', () => {
  test.each([
    [{ nodes: 0 }, /nodes must be an integer in \[1, 9\], got 0/],
    [{ nodes: 3, kind: 'url' }, /need kind 'node', got kind 'url'/],
    [{ config: 'x = 1', kind: 'container' }, /need kind 'node', got kind 'container'/],
    [{ env: { SUREHOP_BROKER: 'docker' } }, /SUREHOP_BROKER must be url, container or node, got 'docker'/],
    [{ env: { SUREHOP_BROKER: 'url' } }, /AMQP_URL is not set/],
    [{ kind: 'url', env: { AMQP_URL: 'localhost' } }, /AMQP_URL is not an amqp: URL/],
    [{ kind: 'url', env: { AMQP_URL: 'amqps://localhost' } }, /begins with amqps:/],
    [{ kind: 'url', env: { AMQP_URL: 'amqp://127.0.0.1:1' } }, /Nothing answers AMQP at 127\.0\.0\.1:1/],
  ] as const)('refuses %j and says what to do', async (options, message) => {
    await expect(startBroker({ log, ...options })).rejects.toThrow(message);
  });

  test('says what is missing when AMQP_URL can be used in none of its ways, without the password', async () => {
    const broker = createServer((socket) => socket.end(Buffer.from([1, 0, 0])));
    broker.listen(0, '127.0.0.1');
    await once(broker, 'listening');
    const { port } = broker.address() as AddressInfo;
    const env = {
      AMQP_URL: `amqp://me:secret@127.0.0.1:${port}`,
      AMQP_MANAGEMENT_URL: `http://127.0.0.1:${await freePort()}`,
    };

    const refusal = await startBroker({ kind: 'url', env, log }).catch((error: Error) => error);

    expect(String(refusal)).toMatch(/by the management API .*ECONNREFUSED/);
    expect(String(refusal)).toMatch(/by rabbitmqctl: .*failed/);
    expect(String(refusal)).toMatch(/unique names in the virtual host of the URL: .*failed/);
    expect(String(refusal)).not.toContain('secret');
    broker.close();
  });
});

test('BrokerUnavailableError tells each reason and every way', () => {
  const error = new BrokerUnavailableError(['url: AMQP_URL is not set.', 'node: There is no rabbitmq-server on PATH.']);
  for (const told of [
    'AMQP_URL is not set',
    'no rabbitmq-server on PATH',
    'set AMQP_URL',
    'container engine',
    'install RabbitMQ',
  ]) {
    expect(error.message).toContain(told);
  }
});
