import { defineQueue, exponential } from '@surehop/core';
import { expect, test } from 'vitest';
import type { QueueView } from '../management-views.ts';
import { wantedBy } from '../topology/wanted.ts';
import { delayFindings } from './delay-checks.ts';
import { ourFamilies, queuesIn } from './our-queues.ts';
import { permissionFindings, sufficientPermissions } from './permission-checks.ts';
import { consumerFindings, deadLetterFindings } from './queue-checks.ts';
import { wayFindings } from './way-checks.ts';

const wanted = wantedBy({ queues: [defineQueue('mails', { retry: exponential() })], exchanges: [] });
const parking = 'surehop.delay.v1.dead-letter';

/** The queues of the contract and of the network, as they are when all is well. */
const views = (change: (name: string) => Partial<QueueView> = () => ({})): QueueView[] =>
  wanted.flatMap((one) => {
    if (one.kind !== 'queue') return [];
    const view = { name: one.name, arguments: one.arguments, durable: true, auto_delete: false, consumers: 0 };
    return [{ ...view, messages: 0, messages_ready: 0, ...change(one.name) }];
  });
const ours = (queues: QueueView[]) => ourFamilies(queues, wanted).flatMap(queuesIn);

test('a delay network that is well has no findings', () => {
  const found = {
    queues: views(),
    exchanges: wanted.flatMap((one) =>
      one.kind === 'exchange' ? [{ ...one, durable: true, auto_delete: false, internal: false }] : [],
    ),
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
  };
  expect(wayFindings(ourFamilies(found.queues, wanted), found)).toEqual([]);
  expect(consumerFindings(ours(found.queues))).toEqual([]);
  expect(deadLetterFindings(ours(found.queues))).toEqual([]);
});

test('what found nobody is a warning', () => {
  const found = deadLetterFindings(ours(views((name) => (name === parking ? { messages: 3 } : {}))));
  expect(found).toMatchObject([{ severity: 'warning', what: `queue "${parking}" holds 3 messages` }]);
});

test('a level from which nothing leaves is stuck', () => {
  const stuck = views((name) => (name.endsWith('.level.3') ? { messages: 40, messages_dlx: 32 } : {}));
  expect(delayFindings(ours(stuck), ours(stuck), 11_000)).toMatchObject([
    { severity: 'error', what: expect.stringContaining('queue "surehop.delay.v1.level.3" is stuck: 40 messages') },
  ]);
});

test('the permissions of a contract that needs the network are those of the network as well, and of nothing like it', () => {
  const enough = sufficientPermissions(wanted);
  expect(enough.read).toBe('^(mails(\\.retry(\\.[0-9]+)?|\\.dead-letter|\\.waiting)?|surehop\\.delay\\.v1(\\..+)?)$');
  expect(permissionFindings(wanted, enough, 'ada')).toEqual([]);
  expect(new RegExp(enough.read).test('surehop.delay.v10')).toBe(false);
});
