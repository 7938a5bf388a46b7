import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, defineQueue } from '@surehop/core';
import { internalsOf, queueTopology } from '@surehop/core/internal';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { RunningCommand, surehop } from './command.ts';
import { hasPseudoTerminals, PseudoTerminal } from './pseudo-terminal.ts';

const broker = attachBroker(inject('broker'));
const orders = defineQueue('orders', { retry: { delaysMs: [1_000, 60_000] } });
let vhost: Vhost;
let env: Record<string, string>;

beforeAll(async () => {
  vhost = await broker.vhost();
  const url = new URL(vhost.managementUrl);
  url.username = vhost.credentials.username;
  url.password = vhost.credentials.password;
  env = { AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: url.href };
  await using rabbit = await connect({ url: vhost.url() });
  await internalsOf(rabbit).topology.ensure(queueTopology(orders), AbortSignal.timeout(10_000));
  await vhost.publish('', 'orders', '1');
  await vhost.publish('', 'orders', '2');
  await vhost.publish('', 'orders.retry.60000', '3');
  await vhost.publish('', 'orders.dead-letter', '4');
});
afterAll(() => broker.close());

describe('surehop top', () => {
  test('[--once] prints a line for each work queue', async () => {
    await eventually(async () => {
      const { code, stdout } = await surehop(['top', '--once'], { env });
      expect({
        code,
        lines: stdout
          .trim()
          .split('\n')
          .map((line) => line.split(/ {2,}/)),
      }).toEqual({
        code: 0,
        lines: [
          ['QUEUE', 'READY', 'IN HAND', 'IN/s', 'OUT/s', 'RETRY', 'DEAD', 'CONS', 'RUNGS'],
          ['orders', '2', '0', '-', '-', '1', '1', '0', '1m 1'],
        ],
      });
    }, 15_000);
    const { stdout } = await surehop(['top', 'orders', '--once', '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({
      vhost: vhost.name,
      queues: [{ queue: 'orders', deadLetters: 1, consumers: 0 }],
    });
    const missing = await surehop(['top', 'orders', 'oders', '--once', '--json'], { env });
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('there is no work queue "oders" in this virtual host. Is it "orders"?');
    const far = await surehop(['top', 'nowhere'], { env });
    expect(far).toMatchObject({ code: 1, stderr: expect.stringContaining('No other name is like it') });
  });

  test('without a terminal prints one table after the other; --ndjson tells the rates', async () => {
    await using command = new RunningCommand(['top', '--interval', '500ms', '--ndjson'], env);
    await using rabbit = await connect({ url: vhost.url() });
    await using publisher = createPublisher(rabbit);
    await eventually(async () => {
      await publisher.publish(orders, { n: 1 });
      const looks = command.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(Math.max(...looks.map(({ queues }) => queues[0].inPerSecond ?? 0))).toBeGreaterThan(0);
    }, 20_000);
    command.child.kill('SIGTERM');
    expect((await command.end()).code).toBe(143);
  });

  test('needs a management API that answers, and an interval that makes sense', async () => {
    expect(await surehop(['top'], { env: { AMQP_URL: vhost.url() } })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('AMQP_MANAGEMENT_URL'),
    });
    expect(await surehop(['top'], { env: { ...env, AMQP_MANAGEMENT_URL: 'http://127.0.0.1:1' } })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not answer'),
    });
    expect((await surehop(['top', '--interval', '10ms'], { env })).code).toBe(2);
  });
});

describe.skipIf(!hasPseudoTerminals())('at a terminal', () => {
  test('draws in place, and gives the terminal back at q', async () => {
    await using terminal = new PseudoTerminal(['top', '--interval', '500ms'], { columns: 90, rows: 12, env });
    await terminal.shows(/^orders +\d+ +0 /m);
    expect(terminal.image).toMatchObject({ isAlternate: true, isCursorShown: false });
    const before = terminal.image.text.split('\n');
    expect(before[0]).toMatch(/^surehop top {2}\d\d:\d\d:\d\d UTC {2}every 0.5 s {2}q quits/);
    // A second frame stands where the first one stood.
    await eventually(() => expect(terminal.image.text.split('\n')[0]).not.toBe(before[0]));
    expect(terminal.image.text.split('\n')).toHaveLength(before.length);
    terminal.resize(60, 6);
    await terminal.shows(/^orders/m);
    expect(Math.max(...terminal.image.text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
    terminal.type('q');
    expect(await terminal.end()).toBe(0);
    expect(terminal.image).toMatchObject({ isAlternate: false, isCursorShown: true, text: '' });
  });

  test('q ends it even while the management API does not answer', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      if (asked === 1) response.end('[]');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const silent = { ...env, AMQP_MANAGEMENT_URL: `http://127.0.0.1:${port}` };
      await using terminal = new PseudoTerminal(['top', '--interval', '500ms'], { columns: 90, rows: 12, env: silent });
      await eventually(() => expect(asked).toBe(2), 15_000);
      terminal.type('q');
      expect(await terminal.end(5_000)).toBe(0);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test('Ctrl-C ends it as it ends other commands', async () => {
    await using terminal = new PseudoTerminal(['top'], { columns: 90, rows: 12, env });
    await terminal.shows(/^orders/m);
    terminal.type('\u0003');
    expect(await terminal.end()).toBe(130);
    expect(terminal.image).toMatchObject({ isAlternate: false, isCursorShown: true });
  });
});
