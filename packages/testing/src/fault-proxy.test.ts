import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { FaultProxy } from './fault-proxy.ts';

let echo: Server;
let proxy: FaultProxy;
let served: Socket[];

beforeEach(async () => {
  served = [];
  echo = createServer((socket) => {
    served.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await FaultProxy.start({ port: (echo.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.close();
  for (const socket of served) socket.destroy();
  echo.close();
});

/** A client that remembers what it got and how it ended. */
class Client {
  readonly socket: Socket;
  received = '';
  ended: string | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ended = error.code ?? 'error';
    });
    socket.on('close', () => {
      this.ended ??= 'closed';
    });
  }

  static async open(): Promise<Client> {
    const client = new Client(connect(proxy.port, proxy.host));
    await once(client.socket, 'connect');
    return client;
  }

  static async opened(): Promise<Client> {
    const client = await Client.open();
    await client.hears('hello');
    return client;
  }

  async hears(text: string): Promise<void> {
    this.socket.write(text);
    await eventually(() => expect(this.received).toContain(text));
  }
}

/** Long enough for what the proxy passes on to have arrived, were it passed on. */
async function aRoundTripElsewhere(): Promise<void> {
  const socket = connect((echo.address() as AddressInfo).port, '127.0.0.1');
  socket.write('x');
  await once(socket, 'data');
  socket.destroy();
}

describe('a healthy proxy', () => {
  test('passes every byte on, in order, with back-pressure', async () => {
    const client = await Client.open();
    const sent = Buffer.alloc(8 * 1024 * 1024, '0123456789');

    client.socket.end(sent);

    await once(client.socket, 'close');
    expect(client.received.length).toBe(sent.length);
    expect(client.received).toBe(sent.toString('latin1'));
  });

  test('passes on that one side has ended, and forgets the connection', async () => {
    const client = await Client.opened();
    expect(proxy.connections).toBe(1);

    client.socket.end();

    await once(client.socket, 'close');
    expect(client.ended).toBe('closed');
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  test('passes on that the broker was reset', async () => {
    const client = await Client.opened();

    served[0]?.resetAndDestroy();

    await eventually(() => expect(client.ended).toBe('ECONNRESET'));
  });

  test('resets a client whose broker is not there', async () => {
    echo.close();
    const client = await Client.open();
    await eventually(() => expect(client.ended).toBe('ECONNRESET'));
  });
});

describe('cut()', () => {
  test('resets every connection and serves new ones', async () => {
    const clients = [await Client.opened(), await Client.opened()];

    proxy.cut();

    await eventually(() => expect(clients.map(({ ended }) => ended)).toEqual(['ECONNRESET', 'ECONNRESET']));
    await eventually(() => expect(served.every(({ destroyed }) => destroyed)).toBe(true));
    await Client.opened();
    expect(proxy.connections).toBe(1);
  });
});

describe('blackhole()', () => {
  test('discards on connections of before and after; heal() resets those, and new ones are served', async () => {
    const before = await Client.opened();
    proxy.blackhole();
    const after = await Client.open();

    before.socket.write('lost');
    after.socket.write('lost');
    await aRoundTripElsewhere();
    proxy.heal();

    await eventually(() => expect([before.ended, after.ended]).toEqual(['ECONNRESET', 'ECONNRESET']));
    await eventually(() => expect(served.every(({ destroyed }) => destroyed)).toBe(true));
    expect(before.received).toBe('hello');
    await Client.opened();
  });

  test('heal() resets a connection whose bytes were on their way when the hole opened', async () => {
    const client = await Client.opened();
    proxy.delay(60_000);
    client.socket.write('lost');
    await aRoundTripElsewhere();
    proxy.swallow('to-broker');

    proxy.heal();

    await eventually(() => expect(client.ended).toBe('ECONNRESET'));
  });

  test('heal() lets a connection go on that lost nothing', async () => {
    const client = await Client.opened();
    proxy.blackhole();
    await aRoundTripElsewhere();

    proxy.heal();

    await client.hears('found');
    expect(client.received).toBe('hellofound');
  });

  test('reads on, so that a writer is never held up', async () => {
    const client = await Client.opened();
    proxy.blackhole();
    await new Promise((resolve) => client.socket.write(Buffer.alloc(32 * 1024 * 1024), resolve));
  });

  test('keeps from the broker that a client has gone, until heal()', async () => {
    const client = await Client.opened();
    proxy.blackhole();

    client.socket.resetAndDestroy();
    await eventually(() => expect(proxy.connections).toBe(0));
    await aRoundTripElsewhere();
    expect(served[0]?.destroyed).toBe(false);

    proxy.heal();
    await eventually(() => expect(served[0]?.destroyed).toBe(true));
  });

  test('keeps from the client that the broker has gone, until heal()', async () => {
    const client = await Client.opened();
    proxy.blackhole();

    served[0]?.end();
    await aRoundTripElsewhere();
    expect(client.ended).toBeUndefined();

    proxy.heal();
    await eventually(() => expect(client.ended).toBe('closed'));
  });
});

describe('swallow()', () => {
  test("'to-client': the broker gets everything, its answers never arrive", async () => {
    const client = await Client.opened();
    proxy.swallow('to-client');
    const heard = once(served[0] as Socket, 'data');

    client.socket.write('publish');

    expect(String((await heard)[0])).toBe('publish');
    await aRoundTripElsewhere();
    expect(client.received).toBe('hello');
  });

  test("'to-broker': the broker gets nothing, what it says arrives", async () => {
    const client = await Client.opened();
    proxy.swallow('to-broker');

    client.socket.write('publish');
    served[0]?.write('heartbeat');

    await eventually(() => expect(client.received).toBe('helloheartbeat'));
  });
});

describe('delay()', () => {
  test('delays both ways and keeps the order, also when it gets shorter', async () => {
    const client = await Client.opened();
    proxy.delay(100);
    const begun = performance.now();
    client.socket.write('first ');
    await new Promise((resolve) => setImmediate(resolve));
    await aRoundTripElsewhere();
    proxy.delay(20);
    client.socket.write('second');

    await eventually(() => expect(client.received).toBe('hellofirst second'));
    expect(performance.now() - begun).toBeGreaterThan(110);
  });

  test('heal() delivers at once what is on its way', async () => {
    const client = await Client.opened();
    proxy.delay(60_000);
    client.socket.write('soon');
    await aRoundTripElsewhere();

    proxy.heal();

    await eventually(() => expect(client.received).toBe('hellosoon'));
  });
});

describe('trickle()', () => {
  test('passes on so many bytes per second, in order', async () => {
    const client = await Client.opened();
    proxy.trickle(10_000);
    const begun = performance.now();
    const sent = '0123456789'.repeat(300);

    client.socket.write(sent);

    await eventually(() => expect(client.received).toBe(`hello${sent}`));
    // 3,000 bytes take 300 ms, there and back the later half of the way at the same time.
    expect(performance.now() - begun).toBeGreaterThan(300);
    expect(performance.now() - begun).toBeLessThan(1_500);
  });

  test('makes whoever sends more wait, until heal()', async () => {
    const client = await Client.opened();
    proxy.trickle(1_000);
    const sent = Buffer.alloc(14 * 1024 * 1024, 'x');

    client.socket.write(sent);
    await eventually(() => expect(client.received.length).toBeGreaterThan('hello'.length));
    expect(client.socket.writableNeedDrain).toBe(true);
    proxy.heal();

    await eventually(() => expect(client.received.length).toBe('hello'.length + sent.length));
  });
});

describe('refuse()', () => {
  test('refuses new connections until heal(), while those of before go on', async () => {
    const before = await Client.opened();
    proxy.refuse();

    await expect(Client.open()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await before.hears('still here');

    proxy.heal();
    await Client.opened();
  });
});

test('close() may be called twice, and during every fault', async () => {
  await Client.opened();
  proxy.blackhole();
  proxy.delay(60_000);
  proxy.trickle(10);
  proxy.refuse();

  await Promise.all([proxy.close(), proxy.close()]);

  expect(proxy.connections).toBe(0);
});
