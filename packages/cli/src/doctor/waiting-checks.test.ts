import { defineQueue } from '@surehop/core';
import { waitingTopology } from '@surehop/core/internal';
import { describe, expect, test } from 'vitest';
import type { PolicyView, QueueView } from '../management-views.ts';
import { wantedBy } from '../topology/wanted.ts';
import { examined } from './examination.ts';
import { ourFamilies, queuesIn } from './our-queues.ts';
import { sufficientPermissions } from './permission-checks.ts';
import type { Snapshot } from './snapshot.ts';
import { wayFindings } from './way-checks.ts';

const wanted = wantedBy({
  queues: [defineQueue('steps', { singleActiveConsumer: true, retry: { delaysMs: [] } })],
  exchanges: [],
});
const common = { durable: true, auto_delete: false, internal: false };
const view = { type: 'quorum', state: 'running', members: ['a'], online: ['a'], messages: 0, messages_ready: 0 };
const waiting: QueueView[] = waitingTopology('steps').queues.map((queue) => ({ ...queue, ...view, ...common }));

function snapshotWith(queues: readonly QueueView[], more: Partial<Snapshot> = {}): Snapshot {
  const standing = wanted.flatMap((one): QueueView[] =>
    one.kind === 'queue' ? [{ name: one.name, arguments: one.arguments, ...view, ...common, consumers: 1 }] : [],
  );
  return {
    version: '4.3.6',
    queues: [...standing, ...queues],
    exchanges: wanted.flatMap((one) => (one.kind === 'exchange' ? [{ ...one, ...common }] : [])),
    bindings: wanted.flatMap((one) =>
      one.kind === 'binding'
        ? [{ source: one.exchange, destination: one.queue, destination_type: 'queue', routing_key: one.routingKey }]
        : [],
    ),
    policies: [],
    operatorPolicies: [],
    nodes: [{ name: 'a', running: true }],
    hasAlarm: false,
    permissions: { configure: '.*', write: '.*', read: '.*' },
    clockAheadMs: 0,
    ...more,
  };
}

const waitingWith = (change: Partial<QueueView>, more: Partial<Snapshot> = {}): Snapshot =>
  snapshotWith(
    waiting.map((queue) => ({ ...queue, consumers: 0, ...change })),
    more,
  );
const found = (snapshot: Snapshot, by: typeof wanted = wanted): string[] =>
  examined(snapshot, by, 'ada').findings.map(({ severity, what }) => `${severity}: ${what}`);

describe('a waiting queue', () => {
  test('is missed nowhere, and without messages needs no consumer', () => {
    expect(found(snapshotWith([]))).toEqual([]);
    expect(found(waitingWith({}))).toEqual([]);
    expect(found(waitingWith({ messages: 5, messages_ready: 0, consumers: 1 }))).toEqual([]);
  });

  test('with messages and no consumer is told, and who alone can take them', () => {
    const { findings } = examined(waitingWith({ messages: 3, messages_ready: 3 }), wanted, 'ada');
    expect(findings).toMatchObject([
      {
        severity: 'warning',
        check: 'consumers',
        what: 'queue "steps.waiting" has 3 messages and no consumer',
        todo: expect.stringContaining('start a consumer of "steps" with orderBy'),
      },
    ]);
  });

  test('of a queue that no contract names is found as well', () => {
    const left = waitingWith({ messages: 1, messages_ready: 1 });
    expect(found({ ...left, queues: left.queues.filter(({ name }) => name === 'steps.waiting') }, [])).toEqual([
      'error: queue "steps.dead-letter" is missing',
      'warning: queue "steps.waiting" has 1 message and no consumer',
    ]);
  });

  test('with other arguments is a difference: consumers with orderBy cannot declare it', () => {
    expect(found(waitingWith({ arguments: { 'x-queue-type': 'quorum' } }))[0]).toMatch(
      /^error: queue "steps.waiting" has x-single-active-consumer none instead of true, /,
    );
  });

  test('of a work queue that somebody else has declared leads to the dead letters all the same', () => {
    const snapshot = waitingWith({});
    const queues = snapshot.queues.map((queue) => (queue.name === 'steps' ? { ...queue, arguments: {} } : queue));
    const ways = (bindings: Snapshot['bindings']): string[] =>
      wayFindings(ourFamilies(queues, wanted), { ...snapshot, queues, bindings }).map(({ what }) => what);
    expect(ways(snapshot.bindings)).toEqual([]);
    expect(ways([])).toEqual(['queue "steps.dead-letter" is not bound to its exchange']);
  });

  test.each([
    [{ overflow: 'drop-head' }, 'error'],
    [{ 'max-length': 5 }, 'warning'],
    [{ 'message-ttl': 5 }, 'error'],
    [{ expires: 5 }, 'error'],
    [{ 'delivery-limit': 50 }, 'error'],
    [{ 'consumer-timeout': 5 }, undefined],
  ])('may not have every policy: %j, %s', (definition, severity) => {
    const policy: PolicyView = { name: 'p', pattern: 'waiting$', 'apply-to': 'queues', priority: 0, definition };
    const [key, value] = Object.entries(definition)[0] ?? [];
    const told = `${severity}: policy "p" sets ${key}: ${value} on queue "steps.waiting"`;
    const snapshot = waitingWith({ effective_policy_definition: definition as never }, { policies: [policy] });
    expect(found(snapshot)).toEqual(severity === undefined ? [] : [told]);
  });

  test('is the last of its family, before the dead letters', () => {
    expect(ourFamilies(waitingWith({}).queues, wanted).flatMap(queuesIn)).toMatchObject([
      { name: 'steps', role: 'work' },
      { name: 'steps.waiting', role: 'waiting', family: 'steps' },
      { name: 'steps.dead-letter', role: 'dead-letter' },
    ]);
  });
});

describe('the permissions for a waiting queue', () => {
  const before = '^(amq\\.default|steps(\\.retry(\\.[0-9]+)?|\\.dead-letter)?)$';
  const permissions = { configure: before, write: before, read: before };
  const lacking = (severity: string): string[] =>
    ['configure', 'write', 'read'].map((right) => `${severity}: user "ada" may not ${right} "steps.waiting"`);

  test('are among those that are enough', () => {
    expect(found(waitingWith({}, { permissions: sufficientPermissions(wanted) }))).toEqual([]);
  });

  test('are missed where it stands; else it is said that a consumer with orderBy needs them', () => {
    expect(found(waitingWith({}, { permissions }))).toEqual(lacking('warning'));
    expect(found(snapshotWith([], { permissions }))).toEqual(lacking('note'));
  });
});
