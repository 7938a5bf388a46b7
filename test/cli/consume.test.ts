import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { RunningCommand, surehop } from './command.ts';
import { declareQueue } from './stage.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
let env: Record<string, string>;
let queue: string;
let queues = 0;

beforeAll(async () => {
  vhost = await broker.vhost();
  env = { AMQP_URL: vhost.url() };
});
beforeEach(async () => {
  queues += 1;
  queue = `orders-${queues}`;
  await declareQueue(vhost, queue);
});
afterAll(() => broker.close());

/** @param properties of each message, as RabbitMQ names them */
async function publish(bodies: readonly string[], properties: Readonly<Record<string, unknown>> = {}): Promise<void> {
  for (const [index, body] of bodies.entries()) {
    await vhost.publish('', queue, body, { message_id: `m-${index + 1}`, ...properties });
  }
}

describe('surehop consume <queue>', () => {
  test('prints messages as lines that `surehop publish` takes, and acknowledges them', async () => {
    await publish(['{"id":1}', 'bytes'], { content_type: 'application/json', headers: { tenant: 'acme' } });
    const end = await surehop(['consume', queue, '--idle', '1s'], { env });
    expect(end.code).toBe(0);
    const lines = end.stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { messageId: 'm-1', queue, attempt: 1, headers: { tenant: 'acme' }, body: { id: 1 } },
      { messageId: 'm-2', bodyBase64: Buffer.from('bytes').toString('base64') },
    ]);
    expect(await vhost.messages(queue)).toBe(0);
    expect(await surehop(['publish', queue], { env, input: end.stdout })).toMatchObject({ code: 0, stderr: '' });
    expect(await vhost.messageIds(queue)).toEqual(['m-1', 'm-2']);
    expect((await vhost.queues()).filter(({ name }) => name.startsWith(`${queue}.`))).toEqual([]);
  });

  test('[--limit] takes so many', async () => {
    await publish(['1', '2', '3', '4']);
    const end = await surehop(['consume', queue, '--limit', '2', '--json'], { env });
    expect(JSON.parse(end.stdout)).toMatchObject([{ body: 1 }, { body: 2 }]);
    expect(await vhost.messageIds(queue)).toEqual(['m-3', 'm-4']);
  });

  test('a reader that goes away ends it quietly, and what it did not read is still there', async () => {
    const large = JSON.stringify('x'.repeat(100_000));
    await publish(Array.from({ length: 30 }, () => large));
    await using command = new RunningCommand(['consume', queue], env);
    command.child.stdout.once('data', () => command.child.stdout.destroy());
    expect(await command.end()).toMatchObject({ code: 0, stderr: '' });
    expect(await vhost.messages(queue)).toBeGreaterThan(10);
  });

  test('refuses a queue that does not exist, and what makes no sense', async () => {
    const missing = await surehop(['consume', 'nowhere'], { env });
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/nowhere.*SUREHOP_TOPOLOGY_MISMATCH/);
    expect((await surehop(['consume', queue, '--json', '--', 'cat'], { env })).code).toBe(2);
    expect((await surehop(['consume', queue, '--retry-delays', '1s'], { env })).code).toBe(2);
    expect((await surehop(['consume', queue, '--contracts', '/nowhere.ts'], { env })).code).toBe(2);
  });
});

describe('surehop consume <queue> -- <program>', () => {
  // Red without `pause`: while the second is at work, the broker hands out the third in the place of the first.
  test('[--limit] takes so many, and leaves the others as they were', async () => {
    await publish(['0', '0.5', '0', '0']);
    const args = ['consume', queue, '--limit', '2', '--concurrency', '2', '--', '/bin/sh', '-c', 'sleep "$(cat)"'];
    expect(await surehop(args, { env })).toMatchObject({ code: 0, stderr: '' });
    const left = await vhost.get(queue);
    expect(left.map(({ properties, redelivered }) => [properties.message_id, redelivered])).toEqual([
      ['m-3', false],
      ['m-4', false],
    ]);
  });

  const handler = `
    case "$(cat)" in
      ok) printf '%s|%s|%s\\n' "$SUREHOP_MESSAGE_ID" "$SUREHOP_ATTEMPT" "$SUREHOP_HEADER_X_TENANT";;
      dead) echo 'no such customer' >&2; exit 65;;
      later) echo "attempt $SUREHOP_ATTEMPT: busy" >&2; [ "$SUREHOP_ATTEMPT" = 2 ] || exit 75;;
      broken) echo 'first line' >&2; echo 'ValueError: no' >&2; exit 1;;
    esac`;

  test('its exit code settles the message; what it wrote to standard error is the reason', async () => {
    await publish(['ok', 'dead', 'later', 'broken'], { headers: { 'x-tenant': 'acme' } });
    const args = ['consume', queue, '--retry-delays', '300ms', '--idle', '1500ms', '--concurrency', '2'];
    await using command = new RunningCommand([...args, '--', 'sh', '-c', handler], env);
    const end = await command.end();
    expect(end).toMatchObject({ code: 0, stdout: 'm-1|1|acme\n' });
    expect(end.stderr).toContain('attempt 1: busy\n');
    expect(end.stderr).toContain('attempt 2: busy\n');
    const dead = await vhost.get(`${queue}.dead-letter`);
    expect(dead.map(({ content, headers }) => [String(content), headers['surehop-reason']])).toEqual([
      ['dead', 'dead-letter'],
      ['broken', 'failed'],
    ]);
    expect(dead[0]?.headers).toMatchObject({ 'surehop-error-message': 'no such customer', 'surehop-attempt': 1 });
    expect(dead[1]?.headers).toMatchObject({
      'surehop-error-name': 'HandlerExitError',
      'surehop-error-message': 'ValueError: no\nfirst line\nValueError: no',
      'surehop-error-code': 'EXIT_1',
      'surehop-attempt': 2,
    });
    expect(await vhost.messages(queue)).toBe(0);
  });

  test('a program that cannot be started takes no message', async () => {
    await publish(['1']);
    const end = await surehop(['consume', queue, '--retry-delays', '', '--', './no-such-program'], { env });
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('cannot be started: there is no such program');
    expect(await vhost.messages(queue)).toBe(1);
    expect((await vhost.queues()).map(({ name }) => name)).not.toContain(`${queue}.dead-letter`);
  });

  test('a program that cannot be started after all fails no message', async () => {
    await publish(['1']);
    const script = new URL('./no-interpreter.sh', import.meta.url).pathname;
    const end = await surehop(['consume', queue, '--retry-delays', '', '--', script], { env });
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('cannot be started');
    expect(await vhost.messages(queue)).toBe(1);
    expect(await vhost.messages(`${queue}.dead-letter`)).toBe(0);
  });

  test('a program that runs too long is ended, with what it has started', async () => {
    await publish(['1']);
    const args = ['consume', queue, '--retry-delays', '', '--handler-timeout', '500ms', '--idle', '1s'];
    await using command = new RunningCommand([...args, '--', 'sh', '-c', 'sleep 60 & echo $! >&2; wait'], env);
    const { stderr } = await command.end();
    const [dead] = await vhost.get(`${queue}.dead-letter`);
    expect(dead?.headers).toMatchObject({ 'surehop-error-code': 'SUREHOP_HANDLER_TIMEOUT' });
    const sleeper = Number(/^\d+$/m.exec(stderr)?.[0]);
    await eventually(() => expect(() => process.kill(sleeper, 0)).toThrow());
  });

  test('Ctrl-C finishes what is in hand, and the program does not hear it', async () => {
    await publish(['1', '2']);
    const slow = 'echo begun >&2; sleep 1; echo done';
    await using command = new RunningCommand(['consume', queue, '--', 'sh', '-c', slow], env);
    await command.said(/begun/);
    command.interrupt();
    expect(await command.end()).toMatchObject({ code: 130, stdout: 'done\n' });
    expect(await vhost.messageIds(queue)).toEqual(['m-2']);
  });

  test('the second Ctrl-C ends it at once, the program included, and the message is still there', async () => {
    await publish(['1']);
    await using command = new RunningCommand(['consume', queue, '--', 'sh', '-c', 'echo pid $$ >&2; sleep 60'], env);
    await command.said(/pid \d+/);
    const pid = Number(/pid (\d+)/.exec(command.stderr)?.[1]);
    command.interrupt();
    await command.said(/once more ends at once/);
    command.interrupt();
    expect((await command.end(5_000)).code).toBe(130);
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow());
    await eventually(async () => expect(await vhost.messages(queue)).toBe(1));
  });

  test('[--contracts] declares the queue, and a body that does not fit goes aside without the program', async () => {
    const contracts = new URL('./contracts/invoices.ts', import.meta.url).pathname;
    await vhost.publish('', 'invoices', '', {});
    const first = surehop(['consume', 'invoices', '--contracts', contracts, '--idle', '1s', '--json'], { env });
    expect(JSON.parse((await first).stdout)).toEqual([]);
    await vhost.publish('', 'invoices', '{"id":"a"}', { message_id: 'good' });
    await vhost.publish('', 'invoices', '{"id":1}', { message_id: 'bad' });
    const end = await surehop(['consume', 'invoices', '--contracts', contracts, '--idle', '1s'], { env });
    expect(JSON.parse(end.stdout)).toMatchObject({ messageId: 'good', body: { id: 'a' } });
    expect(await vhost.messageIds('invoices.dead-letter')).toEqual(['bad']);
  });
});
