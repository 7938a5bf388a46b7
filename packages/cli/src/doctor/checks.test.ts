import { readFileSync } from 'node:fs';
import { defineExchange, defineQueue } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import type { QueueView } from '../management-views.ts';
import { wantedBy } from '../topology/wanted.ts';
import { alarmFindings, clockFindings, versionFindings } from './broker-checks.ts';
import { delayFindings } from './delay-checks.ts';
import { examined } from './examination.ts';
import { checks, type Finding } from './finding.ts';
import { type OurQueue, ourFamilies, queuesIn } from './our-queues.ts';
import { permissionFindings, sufficientPermissions } from './permission-checks.ts';
import { policyFindings } from './policy-checks.ts';
import { consumerFindings, memberFindings, sizeFindings } from './queue-checks.ts';
import { sorted } from './report.ts';
import { aheadMs, type Snapshot } from './snapshot.ts';
import { wayFindings } from './way-checks.ts';

const shop = defineExchange('shop', { type: 'topic' });
const orders = defineQueue('orders', { retry: { delaysMs: [1_000] }, bindTo: [{ exchange: shop, routingKey: '#' }] });
const wanted = wantedBy({ queues: [orders], exchanges: [] });

function healthy(): Snapshot {
  const common = { durable: true, auto_delete: false, internal: false };
  const members = ['a', 'b', 'c'];
  return {
    version: '4.3.6',
    queues: wanted.flatMap((one) =>
      one.kind === 'queue'
        ? [
            {
              name: one.name,
              arguments: one.arguments,
              type: 'quorum',
              state: 'running',
              members,
              online: members,
              messages: 0,
              messages_ready: 0,
              consumers: 1,
              ...common,
            },
          ]
        : [],
    ),
    exchanges: wanted.flatMap((one) => (one.kind === 'exchange' ? [{ ...one, ...common }] : [])),
    bindings: wanted.flatMap((one) =>
      one.kind === 'binding'
        ? [
            {
              source: one.exchange,
              destination: one.queue,
              destination_type: 'queue' as const,
              routing_key: one.routingKey,
            },
          ]
        : [],
    ),
    policies: [],
    operatorPolicies: [],
    nodes: members.map((name) => ({ name, running: true })),
    hasAlarm: false,
    permissions: { configure: '.*', write: '.*', read: '.*' },
    clockAheadMs: 0,
  };
}

const withQueue = (name: string, change: Partial<QueueView>): Snapshot => {
  const snapshot = healthy();
  return {
    ...snapshot,
    queues: snapshot.queues.map((queue) => (queue.name === name ? { ...queue, ...change } : queue)),
  };
};
const ours = ({ queues }: Pick<Snapshot, 'queues'>): OurQueue[] => ourFamilies(queues, wanted).flatMap(queuesIn);
const briefly = (findings: readonly Finding[]): string[] =>
  findings.map(({ severity, what }) => `${severity}: ${what}`);

test('a broker that is well has no findings', () => {
  expect(examined(healthy(), wanted, 'ada')).toEqual({ findings: [], skipped: [] });
});

test('docs/doctor.md has a line for each check', () => {
  const text = readFileSync(new URL('../../../../docs/doctor.md', import.meta.url), 'utf8');
  const lines = [...text.matchAll(/^\| (?!check|---)([^|]+) \|/gm)].map(([, check]) => check);
  expect(lines).toEqual([...checks]);
});

test('the worst comes first, then the order of the checks', () => {
  const finding = (severity: Finding['severity'], check: Finding['check']): Finding => ({
    severity,
    check,
    what: '',
    means: '',
    todo: '',
  });
  const given = [
    finding('note', 'alarms'),
    finding('warning', 'clock'),
    finding('error', 'sizes'),
    finding('error', 'alarms'),
  ];
  expect(sorted(given).map(({ severity, check }) => [severity, check])).toEqual([
    ['error', 'alarms'],
    ['error', 'sizes'],
    ['warning', 'clock'],
    ['note', 'alarms'],
  ]);
});

describe('the broker', () => {
  test('of a version with bugs, without tests, or with limits is told', () => {
    expect(versionFindings('4.3.6')).toEqual([]);
    expect(briefly(versionFindings('4.2.0'))[0]).toMatch(/^warning: .*upgrade to 4.2.7/);
    expect(briefly(versionFindings('3.9.0'))[0]).toMatch(/^warning: .*none that Surehop is tested with/);
    expect(versionFindings('3.10.8').map(({ severity }) => severity)).toEqual(['note', 'note']);
  });

  test('with an alarm says of what and where, as far as that may be seen', () => {
    expect(alarmFindings(false, undefined)).toEqual([]);
    expect(briefly(alarmFindings(true, [{ name: 'a', mem_alarm: true }]))).toEqual([
      'error: the broker is short of memory on a, and blocks publishing',
    ]);
    expect(briefly(alarmFindings(true, undefined))[0]).toContain('memory or disk space');
  });

  test.each([
    [1_000, 2_000, 2_100, 0, 'within the second that it tells'],
    [1_000, 1_900, 2_100, 0, 'within the second that it tells'],
    [5_000, 2_000, 2_100, 2_900, 'ahead'],
    [1_000, 5_000, 5_100, -3_000, 'behind'],
  ])('told %i between %i and %i: %i ahead (%s)', (brokerAt, before, after, expected) => {
    expect(aheadMs(brokerAt, before, after)).toBe(expected);
  });

  test.each([
    [1_999, []],
    [2_000, ['note']],
    [-31_000, ['warning']],
  ])('whose clock is %i ms ahead gives %j', (ahead, severities) => {
    expect(clockFindings(ahead).map(({ severity }) => severity)).toEqual(severities);
  });
});

describe('queues', () => {
  test('with messages and no consumer are told; rungs and dead letters have none by nature', () => {
    const waiting = { messages: 3, messages_ready: 3, consumers: 0 };
    expect(briefly(consumerFindings(ours(withQueue('orders', waiting))))).toEqual([
      'warning: queue "orders" has 3 messages and no consumer',
    ]);
    expect(consumerFindings(ours(withQueue('orders.retry.1000', waiting)))).toEqual([]);
  });

  test.each<[readonly string[], readonly string[], string]>([
    [['a', 'b', 'c'], ['a', 'b', 'c'], ''],
    [['a', 'b', 'c'], ['a', 'b'], 'warning'],
    [['a', 'b', 'c'], ['a'], 'error'],
    [['a'], ['a'], 'warning'],
    [['a', 'b'], ['a'], 'error'],
  ])('with members %j, of which %j are online: %s', (members, online, expected) => {
    const { nodes, ...snapshot } = withQueue('orders', { members, online });
    expect(
      memberFindings(ours(snapshot), nodes)
        .map(({ severity }) => severity)
        .join(),
    ).toBe(expected);
  });

  test('on one node have all the members they can have', () => {
    const one = ours(withQueue('orders', { members: ['a'], online: ['a'] })).filter(({ role }) => role === 'work');
    expect(memberFindings(one, [{ name: 'a' }])).toEqual([]);
    expect(memberFindings(one, undefined)).toEqual([]);
  });

  test('with messages that cannot be copied are told', () => {
    expect(sizeFindings(ours(withQueue('orders', { messages: 2, message_bytes: 2 ** 25 })))).toEqual([]);
    expect(sizeFindings(ours(withQueue('orders', { messages: 2, message_bytes: 2 ** 25 + 2 })))).toHaveLength(1);
  });
});

describe('ways of messages', () => {
  const ways = (snapshot: Snapshot): string[] => briefly(wayFindings(ourFamilies(snapshot.queues, wanted), snapshot));
  const without = (part: 'queues' | 'exchanges', name: string): Snapshot => {
    const snapshot = healthy();
    return { ...snapshot, [part]: snapshot[part].filter((one) => one.name !== name) };
  };

  test.each([
    ['queue "orders.dead-letter" is missing', without('queues', 'orders.dead-letter')],
    ['exchange "orders.dead-letter" is missing', without('exchanges', 'orders.dead-letter')],
    ['exchange "orders.retry" is missing', without('exchanges', 'orders.retry')],
    ['queue "orders" is missing, and its retry queues are there', without('queues', 'orders')],
  ])('%s', (what, snapshot) => {
    expect(ways(snapshot)).toEqual([`error: ${what}`]);
  });

  test('bindings that are missing', () => {
    expect(ways({ ...healthy(), bindings: [] })).toEqual([
      'error: queue "orders.dead-letter" is not bound to its exchange',
      'error: queue "orders" is not bound to exchange "orders.retry" by "orders"',
    ]);
  });

  test('a binding of the way back by another key', () => {
    const snapshot = healthy();
    const bindings = snapshot.bindings.map((one) =>
      one.source === 'orders.retry' ? { ...one, routing_key: 'x' } : one,
    );
    expect(ways({ ...snapshot, bindings })).toHaveLength(1);
  });

  test('a way back without an alternate exchange', () => {
    const snapshot = healthy();
    const exchanges = snapshot.exchanges.map((one) => (one.name === 'orders.retry' ? { ...one, arguments: {} } : one));
    expect(ways({ ...snapshot, exchanges })).toEqual([
      'warning: exchange "orders.retry" has not "orders.dead-letter" as its alternate exchange',
    ]);
  });

  test('of queues that are nobody of ours are not looked at', () => {
    const queues = [{ name: 'a.retry.5', durable: true, auto_delete: false, arguments: { 'x-message-ttl': 5 } }];
    expect(wayFindings(ourFamilies(queues, []), { ...healthy(), queues })).toEqual([]);
  });
});

describe('delay queues', () => {
  const stuck = (before: Partial<QueueView>, now: Partial<QueueView>, elapsedMs = 11_000): number =>
    delayFindings(ours(withQueue('orders.retry.1000', before)), ours(withQueue('orders.retry.1000', now)), elapsedMs)
      .length;

  test('from which nothing leaves while something is due are stuck', () => {
    expect(stuck({ messages: 5, messages_dlx: 5 }, { messages: 5, messages_dlx: 5 })).toBe(1);
    expect(
      stuck({ messages: 5, messages_dlx: 5 }, { messages: 7, messages_dlx: 7, message_stats: { publish: 2 } }),
    ).toBe(1);
    expect(stuck({ messages: 5 }, { messages: 5 })).toBe(1);
  });

  test('that are passed through are not', () => {
    const busy = { messages: 40, messages_dlx: 32, message_stats: { publish: 100 } };
    expect(stuck(busy, { ...busy, message_stats: { publish: 150 } })).toBe(0);
    expect(stuck({ messages: 5, messages_dlx: 5 }, { messages: 4, messages_dlx: 4 })).toBe(0);
    expect(stuck({ messages: 5 }, { messages: 0 })).toBe(0);
  });

  test('whose delay may not be over are not', () => {
    expect(stuck({ messages: 5 }, { messages: 5 }, 6_000)).toBe(0);
    expect(stuck({ messages: 5, messages_dlx: 0 }, { messages: 5, messages_dlx: 5 }, 6_000)).toBe(0);
  });
});

describe('permissions', () => {
  test('that are just enough are found enough, and anything less is not', () => {
    const enough = sufficientPermissions(wanted);
    expect(enough).toEqual({
      configure: '^(orders(\\.retry(\\.[0-9]+)?|\\.dead-letter|\\.waiting)?|shop)$',
      write: '^(amq\\.default|orders(\\.retry(\\.[0-9]+)?|\\.dead-letter|\\.waiting)?|shop)$',
      read: '^(orders(\\.retry(\\.[0-9]+)?|\\.dead-letter|\\.waiting)?|shop)$',
    });
    expect(permissionFindings(wanted, enough, 'ada')).toEqual([]);
    expect(briefly(permissionFindings(wanted, { ...enough, write: '^orders' }, 'ada'))).toEqual([
      'warning: user "ada" may not write "amq.default", "shop"',
    ]);
    expect(permissionFindings(wanted, { configure: '', write: '', read: '' }, 'ada')).toHaveLength(3);
  });

  test('of names with dots are of these names alone', () => {
    const { read } = sufficientPermissions(wantedBy({ queues: [defineQueue('a.b')], exchanges: [] }));
    expect([new RegExp(read).test('a.b.retry.1000'), new RegExp(read).test('axb')]).toEqual([true, false]);
  });
});

describe('policies', () => {
  const policy = (definition: Record<string, unknown>, more: object = {}) => ({
    name: 'p',
    pattern: '.*',
    'apply-to': 'all',
    priority: 0,
    definition,
    ...more,
  });
  const found = (name: string, definition: Record<string, unknown>): string[] => {
    const snapshot = {
      ...withQueue(name, { policy: 'p', effective_policy_definition: definition as never }),
      policies: [policy(definition)],
    };
    return policyFindings(ours(snapshot), [], snapshot).map(({ severity, what }) => `${severity}: ${what}`);
  };

  test.each([
    ['orders', { overflow: 'drop-head' }, 'error'],
    ['orders', { overflow: 'reject-publish' }, undefined],
    ['orders', { 'max-length': 5 }, 'warning'],
    ['orders', { 'message-ttl': 5 }, 'error'],
    ['orders', { expires: 5 }, 'error'],
    ['orders', { 'delivery-limit': 50 }, undefined],
    ['orders', { 'delivery-limit': 20 }, 'note'],
    ['orders', { 'delivery-limit': 4 }, 'warning'],
    ['orders', { 'dead-letter-exchange': 'x' }, undefined],
    ['orders.retry.1000', { 'message-ttl': 999 }, 'warning'],
    ['orders.retry.1000', { 'message-ttl': 1_000 }, undefined],
    ['orders.retry.1000', { 'delivery-limit': 3 }, undefined],
    ['orders.retry.1000', { 'max-length-bytes': 3 }, 'warning'],
    ['orders.dead-letter', { 'message-ttl': 5 }, 'error'],
    ['orders.dead-letter', { 'delivery-limit': 100 }, 'error'],
  ])('on %s, %j: %s', (name, definition, severity) => {
    const [key, value] = Object.entries(definition)[0] as [string, unknown];
    expect(found(name, definition)).toEqual(
      severity === undefined ? [] : [`${severity}: policy "p" sets ${key}: ${value} on queue "${name}"`],
    );
  });

  test.each([
    [{}, 3],
    [{ pattern: '^orders$' }, 1],
    [{ pattern: '(' }, 0],
    [{ 'apply-to': 'exchanges' }, 0],
    [{ 'apply-to': 'quorum_queues' }, 3],
    [{ 'apply-to': 'classic_queues' }, 0],
  ])('that would hold for queues which do not stand yet: %j', (more, count) => {
    const snapshot = { ...healthy(), queues: [], policies: [policy({ expires: 5 }, more)] };
    expect(policyFindings([], wanted, snapshot)).toHaveLength(count);
  });

  test('of which the strongest holds, and operators come on top', () => {
    const policies = [policy({ expires: 5 }, { name: 'weak' }), policy({}, { name: 'strong', priority: 1 })];
    const snapshot = { ...healthy(), queues: [], policies };
    expect(policyFindings([], wanted, snapshot)).toEqual([]);
    const operated = { ...snapshot, operatorPolicies: [policy({ expires: 5 }, { name: 'op' })] };
    expect(policyFindings([], wanted, operated)[0]?.what).toBe(
      'operator policy "op" sets expires: 5 on queue "orders.dead-letter"',
    );
  });

  test('that take what an exchange cannot route', () => {
    const snapshot = { ...healthy(), policies: [policy({ 'alternate-exchange': 'x' }, { 'apply-to': 'exchanges' })] };
    expect(briefly(policyFindings([], wanted, snapshot))).toEqual([
      'warning: policy "p" sets alternate-exchange: x on exchange "shop"',
    ]);
  });
});
