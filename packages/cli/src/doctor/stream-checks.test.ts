import { defineStream } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import type { QueueView } from '../management-views.ts';
import { wantedBy } from '../topology/wanted.ts';
import { type OurQueue, ourFamilies, queuesIn } from './our-queues.ts';
import { policyFindings } from './policy-checks.ts';
import { consumerFindings } from './queue-checks.ts';
import type { Snapshot } from './snapshot.ts';
import { wayFindings } from './way-checks.ts';

const planned = wantedBy({ queues: [], exchanges: [], streams: [defineStream('log', { maxBytes: 9_000_000 })] });
const common = { durable: true, auto_delete: false, messages: 5, messages_ready: 5, consumers: 0 };
const queues = planned.flatMap((one): QueueView[] => {
  if (one.kind !== 'queue') return [];
  return [{ name: one.name, arguments: one.arguments, type: one.name === 'log' ? 'stream' : 'quorum', ...common }];
});
const snapshot = { queues, exchanges: [], bindings: [], policies: [], operatorPolicies: [] } as unknown as Snapshot;
const found = (change: Partial<QueueView> = {}): OurQueue[] =>
  ourFamilies(queues, planned)
    .flatMap(queuesIn)
    .map((queue) => (queue.name === 'log' ? { ...queue, view: { ...queue.view, ...change } } : queue));

describe('a stream', () => {
  test('keeps its messages whether somebody reads it or not, and has no way back', () => {
    expect(consumerFindings(found())).toEqual([]);
    expect(wayFindings(ourFamilies(queues, planned), snapshot)).toEqual([]);
  });

  test('may lose what nobody has read by a policy with limits, and by no other key', () => {
    const policy = { 'max-age': '1h', 'max-length': 5, 'message-ttl': 5 };
    const told = policyFindings(found({ effective_policy_definition: policy }), planned, snapshot);
    expect(told.map(({ severity, what }) => `${severity}: ${what}`)).toEqual([
      expect.stringMatching(/^warning: .*max-age: 1h on queue "log"/),
    ]);
  });
});
