import assert from 'node:assert/strict';
import { createConsumer, defineQueue } from '@surehop/consumer';
import { connect, type QueueContract, TopologyMismatchError } from '@surehop/core';
import { eventually } from '@surehop/testing';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Body, Message, Traffic } from '../traffic.ts';

/** Every fifth message fails once; each that has failed says so by its attempt. */
function failing({ attempt, body }: Message): void {
  if (attempt === 1 && body.number % 5 === 0) throw new Error('not at the first attempt');
}

/** A consumer of a later deployment, whose messages count like the others. */
async function deploy(traffic: Traffic, contract: QueueContract<Body>): Promise<void> {
  const handler = ({ attempt, body: { number }, properties }: Message): void => {
    assert(attempt <= 2, `message ${number} is at attempt ${attempt}`);
    if (attempt === 1 && number % 5 === 0) throw new Error('not at the first attempt');
    traffic.watch.handledOne(properties.messageId ?? '');
  };
  await createConsumer(traffic.consuming, contract, handler, { concurrency: 50 });
}

/** How many messages wait for another attempt. */
async function waiting({ vhost }: Stage): Promise<number> {
  const rungs = (await vhost.queues()).filter(({ name }) => name.startsWith('work.retry.'));
  const counts = await Promise.all(rungs.map(({ name }) => vhost.messages(name)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function declareAll(stage: Stage): Promise<void> {
  const traffic = await stage.traffic();
  await traffic.finish();
}

/** What a deployment finds on the broker. */
export const deploymentScenarios: readonly Scenario[] = [
  {
    name: 'queue-of-other-arguments',
    situation: 'a contract is deployed whose queue exists with other arguments',
    duplicates: 'none',
    // Red without `replyCode === 406` in packages/core/src/topology-fault.ts: it is tried until the time is up.
    async run(stage) {
      const traffic = await stage.traffic();
      const { consuming, publisher } = traffic;
      const handler = (): void => undefined;
      const before = await connect({ url: stage.vhost.url(), log: stage.log });
      await createConsumer(before, defineQueue('other', { deliveryLimit: 7 }), handler);
      await before.close();
      const other = defineQueue('other', { deliveryLimit: 9 });
      for (let round = 0; round < 5; round += 1) {
        const told = [
          await traffic.aside(() => createConsumer(consuming, other, handler)),
          await traffic.aside((messageId) => publisher.publish(other, 1, { messageId })),
        ];
        for (const error of told) {
          assert(error instanceof TopologyMismatchError, String(error));
          const { entity, argument, wanted, found } = error;
          const expected = { entity: 'queue "other"', argument: 'x-delivery-limit', wanted: '9', found: '7' };
          assert.deepEqual({ entity, argument, wanted, found }, expected);
        }
        await traffic.flows(50);
      }
      const [state] = consuming.health().topology.filter(({ entity }) => entity === 'queue "other"');
      assert.equal(state?.state, 'mismatch');
      assert.equal(traffic.losses, 0);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, { SUREHOP_TOPOLOGY_MISMATCH: 10 });
      return figures;
    },
  },
  {
    name: 'ladder-changed',
    situation: 'a deployment changes the delays of retries while messages wait: those in old delay queues flow back',
    types: ['quorum', 'classic'],
    duplicates: 'none',
    // Red without the delay in `rungName` of packages/core/src/names.ts: the new delays meet the old queue, a 406.
    async run(stage) {
      const traffic = await stage.traffic({ handle: failing, contract: { retry: { delaysMs: [3_000] } } });
      await eventually(async () => assert((await waiting(stage)) > 50), 10_000);
      await traffic.consumer.close();
      const { type } = stage;
      await deploy(traffic, defineQueue<Body>(traffic.queue, { type, retry: { delaysMs: [200, 500] } }));
      assert((await waiting(stage)) > 50, 'none waited when the deployment came');
      await traffic.flows(500);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {});
      return figures;
    },
  },
  ...(['verify', 'off'] as const).map(
    (topology): Scenario => ({
      name: `topology-${topology}`,
      situation: `connections are reset where the topology is somebody else's (topology: '${topology}')`,
      types: ['quorum', 'classic'],
      duplicates: 'possible',
      // Red without `mode === 'verify'` in packages/core/src/topology-assertions.ts, and without `mode === 'off'` in
      // packages/core/src/topology-keeper.ts: this user may declare nothing, and look only at the queues.
      async run(stage) {
        await declareAll(stage);
        const permissions = { write: '^(amq[.]default|work.*)$', read: '^work.*$' };
        const user = await stage.vhost.addUser('worker', 'secret', permissions);
        const url = user.url(stage.proxy.port);
        const urls = { publish: url, consume: url };
        const traffic = await stage.traffic({ handle: failing, connect: { topology }, urls });
        for (let resets = 0; resets < (stage.isLong ? 10 : 2); resets += 1) {
          stage.proxy.cut();
          await traffic.recovers();
        }
        const states = new Set(traffic.consuming.health().topology.map(({ state }) => state));
        assert.deepEqual([...states], topology === 'verify' ? ['exists, not compared'] : []);
        return within(await traffic.finish(), { firstPublishedMs: 3_000, firstHandledMs: 3_000 });
      },
    }),
  ),
];
