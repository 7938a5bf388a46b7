import { attachBroker, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { surehop } from './command.ts';
import { declareQueue, dieIn } from './stage.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
let env: Record<string, string>;

beforeAll(async () => {
  vhost = await broker.vhost();
  const { username, password } = vhost.credentials;
  const management = new URL(vhost.managementUrl);
  Object.assign(management, { username, password });
  env = { AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: management.href };
  await dieIn(vhost, 'orders', [
    { id: 'm-1', error: 'TimeoutError: no answer after 1000 ms' },
    { id: 'm-2', error: 'TimeoutError: no answer after 2000 ms' },
    { id: 'm-3', error: 'DeadLetter:nobody knows\u001b[31m this order', body: { id: 'm-3', total: 9.5 } },
  ]);
  for (const queue of ['payments_error', 'mails.dlq', 'error', 'terrors']) await declareQueue(vhost, queue);
});
afterAll(() => broker.close());

describe('surehop dlq list', () => {
  test('without a queue, tells the queues of dead letters, ours and by their usual names', async () => {
    const end = await surehop(['dlq', 'list', '--json'], { env });
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(end.stdout)).toEqual([
      { queue: 'error', ready: 0 },
      { queue: 'mails.dlq', ready: 0 },
      { queue: 'orders.dead-letter', ready: 3 },
      { queue: 'payments_error', ready: 0 },
    ]);
    const { AMQP_URL = '' } = env;
    expect(await surehop(['dlq', 'list'], { env: { AMQP_URL } })).toMatchObject({ code: 2, stdout: '' });
  });

  test('with a queue, or the work queue it belongs to, tells its dead letters, newest last', async () => {
    const end = await surehop(['dlq', 'list', 'orders'], { env });
    expect(end.code).toBe(0);
    const rows = end.stdout.split('\n').map((line) => line.split(/ {2,}/));
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/);
    expect(rows).toEqual([
      ['id', 'failed at', 'queue', 'attempts', 'error'],
      ['m-1', at, 'orders', '1', 'TimeoutError: no answer after 1000 ms'],
      ['m-2', at, 'orders', '1', 'TimeoutError: no answer after 2000 ms'],
      ['m-3', at, 'orders', '1', 'DeadLetter: nobody knows\\u001b[31m this order'],
      [''],
    ]);
    expect(end.stderr).toBe('3 shown from orders.dead-letter\n');
    expect(await vhost.messageIds('orders.dead-letter')).toEqual(['m-1', 'm-2', 'm-3']);
  });

  test('takes a filter, ids, a limit, and prints lines', async () => {
    const filter = ['--filter', 'error.name = "TimeoutError"', '--limit', '1', '--ndjson'];
    const filtered = await surehop(['dlq', 'list', 'orders.dead-letter', ...filter], { env });
    expect(JSON.parse(filtered.stdout)).toMatchObject({ id: 'm-1', failure: { attempts: 1, queue: 'orders' } });
    expect(filtered.stderr).toContain('of 2 that match');
    const first = await surehop(['dlq', 'list', 'orders', '--limit', '2', '--json'], { env });
    expect(JSON.parse(first.stdout)).toHaveLength(2);
    expect(first.stderr).toContain('more lie behind the first 2: a higher --limit looks further');
    const byId = await surehop(['dlq', 'list', 'orders', '--id', 'm-3', '--id', 'm-1', '--json'], { env });
    expect(JSON.parse(byId.stdout)).toMatchObject([{ id: 'm-1' }, { id: 'm-3', body: { id: 'm-3', total: 9.5 } }]);
  });

  test.each([
    [['--filter', 'error.name ='], 'SUREHOP_FILTER_INVALID'],
    [['--filter', ''], 'selects nothing'],
    [['--id', 'a', '--group', 'b'], 'give one of'],
    [['--limit', '0'], 'at least 1'],
  ])('refuses %j with exit code 2', async (args, message) => {
    const end = await surehop(['dlq', 'list', 'orders', ...args], { env });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(message);
  });

  test('tells the nearest names of a queue that does not exist, where it can ask for them', async () => {
    const end = await surehop(['dlq', 'list', 'ordres'], { env });
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('there is no queue "ordres", and no "ordres.dead-letter"');
    expect(end.stderr).toContain('Is it "orders"?');
    const { AMQP_URL = '' } = env;
    const blind = await surehop(['dlq', 'list', 'ordres'], { env: { AMQP_URL } });
    expect(blind.stderr).toContain('--management-url would let the nearest names be told');
  });
});

describe('surehop dlq groups', () => {
  test('counts by what they died of; the key selects the group', async () => {
    const end = await surehop(['dlq', 'groups', 'orders', '--json'], { env });
    const groups = JSON.parse(end.stdout) as { key: string }[];
    expect(groups).toMatchObject([
      { count: 2, queue: 'orders', name: 'TimeoutError', message: 'no answer after # ms', reason: 'failed' },
      { count: 1, name: 'DeadLetter', reason: 'dead-letter' },
    ]);
    const list = await surehop(['dlq', 'list', 'orders', '--group', groups[0]?.key ?? '', '--json'], { env });
    expect(JSON.parse(list.stdout)).toMatchObject([{ id: 'm-1' }, { id: 'm-2' }]);
    const table = await surehop(['dlq', 'groups', 'orders'], { env });
    expect(table.stdout).toMatch(/^[0-9a-f]{12} {2}2 {6}orders {2}\d{4}.*Z {2}TimeoutError: no answer after # ms$/m);
  });
});

describe('surehop dlq show', () => {
  test('tells all of one: why, body, history, and nothing that harms the terminal', async () => {
    const { code, stdout } = await surehop(['dlq', 'show', 'orders', 'm-3'], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^id {14}m-3\nlies in {9}orders\.dead-letter\nfailed in {7}orders\npublished to {4}queue orders$/m,
    );
    expect(stdout).toMatch(/^reason {10}dead-letter$/m);
    expect(stdout).toContain('Body, 24 bytes of application/json\n  {\n    "id": "m-3",\n    "total": 9.5\n  }\n');
    expect(stdout).toMatch(/^History, latest first\n {2}\d{4}-.*Z {2}DeadLetter: nobody knows\\u001b\[31m this order/m);
    expect(stdout).toMatch(/^Stack\n {2}DeadLetter: nobody knows/m);
    expect(stdout).not.toContain('\u001b');
  });

  test('as JSON; and an id that is not there', async () => {
    const { stdout } = await surehop(['dlq', 'show', 'orders', 'm-1', '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({
      id: 'm-1',
      queue: 'orders.dead-letter',
      failure: { source: 'surehop', reason: 'failed', error: { name: 'TimeoutError' }, attempts: 1 },
      body: { id: 'm-1' },
    });
    const missing = await surehop(['dlq', 'show', 'orders', 'm-9'], { env });
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toBe('error: there is no message "m-9" among 3 messages of orders.dead-letter\n');
  });
});
