import { fileURLToPath } from 'node:url';
import { connect } from '@surehop/core';
import { internalsOf, queueTopology } from '@surehop/core/internal';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type CommandEnd, surehop } from './command.ts';
import { orders, others } from './contracts/shop.ts';

interface Report {
  readonly findings: readonly { severity: string; check: string; what: string; todo: string }[];
  readonly skipped: readonly { check: string; why: string }[];
}

const broker = attachBroker(inject('broker'));
const contracts = fileURLToPath(new URL('contracts/shop.ts', import.meta.url));
let vhost: Vhost;

beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

/** Of a broker that is old, or has a bug, everybody is told: that is no finding of these tests. */
const briefly = ({ findings }: Report): string[] =>
  findings
    .filter(({ check }) => check !== 'broker version')
    .map(({ severity, check, what }) => `${severity} ${check}: ${what}`);

async function doctor(env: Record<string, string>, ...more: string[]): Promise<{ end: CommandEnd; report: Report }> {
  const end = await surehop(['doctor', '--contracts', contracts, '--json', ...more], { env });
  return { end, report: JSON.parse(end.stdout) as Report };
}

async function declare(): Promise<void> {
  await using rabbit = await connect({ url: vhost.url() });
  for (const queue of [orders, ...others]) {
    await internalsOf(rabbit).topology.ensure(queueTopology(queue), AbortSignal.timeout(10_000));
  }
}

function managementUrl({ username, password } = vhost.credentials): string {
  const url = new URL(vhost.managementUrl);
  url.username = username;
  url.password = password;
  return url.href;
}

describe('a broker that is well', () => {
  test('has no findings, and every check is made', async () => {
    await declare();
    const { end, report } = await doctor({ AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: managementUrl() });
    expect(briefly(report)).toEqual([]);
    expect(report.skipped).toEqual([]);
    expect(end.code).toBe(report.findings.every(({ severity }) => severity === 'note') ? 0 : 3);
  });

  test('over AMQP alone has none either, and it is said what was not looked at', async () => {
    await declare();
    const { report } = await doctor({ AMQP_URL: vhost.url() });
    expect(briefly(report)).toEqual([]);
    expect(report.skipped.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['policies', 'delay queues', 'clock']),
    );
    const text = await surehop(['doctor'], { env: { AMQP_URL: vhost.url() } });
    expect(text.stdout).toMatch(/^ {2}policies: needs the management API/m);
    expect(text.stdout).toMatch(/^4 of 14 checks made: 0 errors/m);
  });
});

describe('what is broken', () => {
  test('is told, with its meaning and what to do', async () => {
    await declare();
    await vhost.publish('', 'mails', 'nobody comes');
    await vhost.publish('', 'orders.retry.1000', 'does not come back', { delivery_mode: 2 });
    await vhost.publish('', 'orders.dead-letter', 'has failed');
    await vhost.setPolicy('limits', '^mails', { overflow: 'drop-head', 'max-length': 1_000 });
    await vhost.deleteExchange('orders.retry');
    const env = { AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: managementUrl() };
    // The broker's counts come some seconds late.
    const { end, report } = await eventually(async () => {
      const found = await doctor(env);
      expect(briefly(found.report).join('\n')).toContain('stuck');
      return found;
    }, 40_000);
    expect(end.code).toBe(3);
    expect(end.stderr).toContain('there are messages in delay queues: looking once more');
    expect(briefly(report)).toEqual([
      'error policies: policy "limits" sets overflow: drop-head on queue "mails"',
      'error policies: policy "limits" sets overflow: drop-head on queue "mails.retry.5000"',
      'error policies: policy "limits" sets overflow: drop-head on queue "mails.dead-letter"',
      'error ways of messages: exchange "orders.retry" is missing',
      expect.stringMatching(/^error delay queues: queue "orders.retry.1000" is stuck: 1 message, 1 of them dead/),
      'warning contracts: binding of exchange "orders.retry" to queue "orders" by "orders" is missing',
      'warning policies: policy "limits" sets max-length: 1000 on queue "mails"',
      'warning policies: policy "limits" sets max-length: 1000 on queue "mails.retry.5000"',
      'warning policies: policy "limits" sets max-length: 1000 on queue "mails.dead-letter"',
      'warning consumers: queue "mails" has 1 message and no consumer',
      'note dead letters: queue "orders.dead-letter" holds 1 message',
    ]);
  });

  test('over AMQP: what is missing', async () => {
    const { end, report } = await doctor({ AMQP_URL: vhost.url() });
    expect(end.code).toBe(3);
    expect(briefly(report)).toContain('warning contracts: queue "orders.retry.10000" is missing');
  });

  test("a user with too few rights, by an administrator's look", async () => {
    await declare();
    const reader = await vhost.addUser('reader', 'a-secret-word', { read: '^orders', configure: '^orders' });
    const { report, end } = await doctor({ AMQP_URL: reader.url(), AMQP_MANAGEMENT_URL: managementUrl() });
    const permissions = report.findings.filter(({ check }) => check === 'permissions');
    expect(permissions.map(({ what }) => what.replace(reader.username, 'reader'))).toEqual([
      'this user may not write to the default exchange (amq.default)',
      'user "reader" may not configure "shop.lost", "shop", "mails.dead-letter", "mails.retry" and 2 more',
      'user "reader" may not write "amq.default", "orders.dead-letter", "orders.retry", "shop.lost" and 8 more',
      'user "reader" may not read "shop.lost", "shop", "mails.dead-letter", "mails.retry" and 2 more',
    ]);
    expect(permissions[2]?.todo).toContain(
      'write ^(amq\\.default|(orders|mails)(\\.retry(\\.[0-9]+)?|\\.dead-letter|\\.waiting)?|shop\\.lost|shop)$',
    );
    expect(end.stdout + end.stderr).not.toContain('a-secret-word');
  });

  test('a user of the management API with fewer tags sees less, and that is said', async () => {
    await declare();
    const looker = await vhost.addUser('looker', 'secret', {
      configure: '.*',
      write: '.*',
      read: '.*',
      tags: 'management',
    });
    const { report } = await doctor({ AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: managementUrl(looker) });
    expect(briefly(report)).toEqual([]);
    expect(report.skipped.map(({ check }) => check)).toEqual(['permissions', 'members']);
  });
});

describe('what cannot be looked at', () => {
  test('a broker that refuses the login: 1, and what to do', async () => {
    const url = new URL(vhost.url());
    url.password = 'a-wrong-word';
    const { end, report } = await doctor({ AMQP_URL: url.href });
    expect(end.code).toBe(1);
    expect(report.findings[0]).toMatchObject({
      severity: 'error',
      check: 'connection',
      todo: 'see docs/errors.md#surehop_login_refused',
    });
    expect(end.stdout + end.stderr).not.toContain('a-wrong-word');
  });

  test('a management API that does not answer: the rest is looked at', async () => {
    await declare();
    const { end, report } = await doctor({ AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: 'http://127.0.0.1:1' });
    expect(end.code).toBe(3);
    expect(briefly(report)).toEqual([expect.stringMatching(/^warning management API: .*127.0.0.1:1 does not answer/)]);
    expect(report.skipped.map(({ check }) => check)).toContain('policies');
  });
});
