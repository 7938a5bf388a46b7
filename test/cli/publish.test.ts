import { attachBroker, eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { RunningCommand, surehop } from './command.ts';
import { declareQueue } from './stage.ts';

const broker = attachBroker(inject('broker'));

describe('surehop publish', () => {
  let vhost: Vhost;
  let env: Record<string, string>;

  beforeAll(async () => {
    vhost = await broker.vhost();
    env = { AMQP_URL: vhost.url() };
    for (const queue of ['orders', 'raw', 'bytes', 'slow']) await declareQueue(vhost, queue);
  });
  afterAll(() => broker.close());

  test('publishes each line, tells of damaged ones by their number, and goes on after them', async () => {
    const lines = [
      '{"body":{"id":1},"messageId":"m-1","headers":{"tenant":"a","n":2},"properties":{"type":"order"}}',
      'not json',
      '{"body":{"id":2},"bodi":1}',
      '',
      '{"body":{"id":12345678901234567890},"messageId":"m-3"}',
    ];
    const end = await surehop(['publish', 'orders', '--json'], { env, input: lines.join('\n') });
    expect(end.code).toBe(4);
    expect(JSON.parse(end.stdout)).toMatchObject({
      lines: 5,
      stored: 2,
      damaged: 2,
      problems: [{ line: 2 }, { line: 3 }],
    });
    expect(end.stderr).toMatch(/line 2: it is not JSON.*\nline 3: unknown key "bodi"/);
    const [first, second, ...others] = await vhost.get('orders');
    expect(others).toEqual([]);
    expect(first?.content.toString()).toBe('{"id":1}');
    expect(first?.properties).toMatchObject({
      message_id: 'm-1',
      type: 'order',
      content_type: 'application/json',
      delivery_mode: 2,
    });
    expect(first?.headers).toMatchObject({ tenant: 'a', n: 2 });
    expect(second?.content.toString()).toBe('{"id":12345678901234567890}');
  });

  test('[--raw] the line itself is the body', async () => {
    const end = await surehop(['publish', 'raw', '--raw', '--content-type', 'text/plain'], {
      env,
      input: 'a\n\nb c\n',
    });
    expect(end).toMatchObject({ code: 0, stdout: 'published 2\n' });
    const stored = await vhost.get('raw');
    expect(stored.map(({ content }) => content.toString())).toEqual(['a', 'b c']);
    expect(stored[0]?.properties).toMatchObject({ content_type: 'text/plain' });
  });

  test('publishes bytes, to an exchange, from a line on', async () => {
    const lines = ['{"body":1}', '{"bodyBase64":"AP8="}'].join('\n');
    const args = ['publish', '--exchange', 'amq.direct', '--key', 'k', '--from-line', '2'];
    const unbound = await surehop(args, { env, input: lines });
    expect(unbound.code).toBe(1);
    expect(unbound.stderr).toContain('SUREHOP_UNROUTABLE');
    expect(unbound.stderr).toContain('go on with --from-line 2');
    const end = await surehop(['publish', 'bytes', '--from-line', '2'], { env, input: lines });
    expect(end.code).toBe(0);
    expect((await vhost.get('bytes')).map(({ content }) => [...content])).toEqual([[0, 255]]);
  });

  test('a queue that does not exist ends it, and nothing is lost silently', async () => {
    const end = await surehop(['publish', 'nowhere'], { env, input: '{"body":1}\n{"body":2}\n' });
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('SUREHOP_UNROUTABLE');
    expect(end.stdout).toBe('published 0\n');
  });

  test('says that there is no broker, and no password', async () => {
    const url = 'amqp://ada:verysecret@127.0.0.1:1/';
    const end = await surehop(['publish', 'orders', '--url', url], { input: '{"body":1}' });
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('SUREHOP_CONNECT_UNREACHABLE');
    expect(end.stderr).not.toContain('verysecret');
  });

  test('Ctrl-C stops it, waits for the confirms, and says where to go on', async () => {
    await using proxy = await FaultProxy.start(vhost);
    await using command = new RunningCommand(['publish', 'slow'], { AMQP_URL: vhost.url(proxy.port) });
    command.child.stdin.write('{"body":1}\n{"body":2}\n'); // and never ends
    await eventually(async () => expect(await vhost.messages('slow')).toBe(2), 20_000);
    command.interrupt();
    const end = await command.end();
    expect(end.code).toBe(130);
    expect(end.stdout).toBe('published 2\n');
    expect(end.stderr).toContain('go on with --from-line 3');
  });

  test.each([
    [[], /give the queue/],
    [['q', '--exchange', 'x'], /not both/],
    [['q', '--deadline', '5'], /duration looks like/],
    [['q', '--file', '/nowhere/at/all'], /cannot be read/],
    [['q', '--json', '--ndjson'], /exclude each other/],
  ])('refuses %j with exit code 2', async (args, message) => {
    const end = await surehop(['publish', ...args], { env });
    expect(end.code).toBe(2);
    expect(end.stderr).toMatch(message);
  });
});
