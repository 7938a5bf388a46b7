import assert from 'node:assert/strict';
import { setTimeout as passed } from 'node:timers/promises';
import { eventually } from '@surehop/testing';
import type { ProxiedRelay, Stage } from './stage.ts';

/** One fault, put into running traffic. After it, nothing may be lost, and no effect may be there twice. */
export interface Scenario {
  readonly name: string;
  /** What befalls, in a few words. */
  readonly situation: string;
  run(stage: Stage): Promise<void>;
}

/** Where a relay is when it is killed: what is done to hold it up there, and how one knows that it is there. */
interface Step {
  readonly name: string;
  readonly situation: string;
  hold(relay: ProxiedRelay, stage: Stage): Promise<void>;
  isThere(stage: Stage): Promise<boolean>;
}

const published = async (stage: Stage): Promise<boolean> =>
  (await stage.isTaking()) && (await stage.sentAndNotMarked()) > 0;

/** Confirms take their time, so that there is some in which to hold up what comes after them. */
async function whileItWaitsForConfirms(relay: ProxiedRelay, stage: Stage): Promise<void> {
  relay.broker.delay(300);
  const since = await stage.now();
  await eventually(async () => assert.ok(await stage.hasJustTaken(since)), 20_000);
}

const steps: readonly Step[] = [
  {
    name: 'relay-killed-before-publish',
    situation: 'a relay is killed: messages are taken, none is published',
    hold: async ({ broker }) => broker.blackhole(),
    isThere: (stage) => stage.isTaking(),
  },
  {
    name: 'relay-killed-before-confirm',
    situation: 'a relay is killed: messages are published, none is confirmed',
    hold: async ({ broker }) => broker.swallow('to-client'),
    isThere: published,
  },
  {
    name: 'relay-killed-before-mark',
    situation: 'a relay is killed: messages are confirmed, none is marked as sent',
    hold: async (relay, stage) => {
      await whileItWaitsForConfirms(relay, stage);
      relay.database.swallow('to-broker');
    },
    isThere: published,
  },
  {
    name: 'relay-killed-before-commit',
    situation: 'a relay is killed: messages are marked as sent, that is not committed, or it is and nobody was told',
    hold: async (relay, stage) => {
      await whileItWaitsForConfirms(relay, stage);
      relay.database.swallow('to-client');
    },
    // Where it was further than that, it waits for the answer to its COMMIT; messages pile up either way.
    isThere: async (stage) =>
      (await published(stage)) || (await stage.count('FROM surehop.outbox WHERE sent_at IS NULL')) > 100,
  },
];

const keys = 20;

/** The relay is killed at one step, again and again; another one takes its place. */
function killedAt(step: Step): Scenario {
  return {
    name: step.name,
    situation: step.situation,
    run: async (stage) => {
      await stage.worker(1);
      stage.write({ keys });
      for (let round = 0; round < (stage.isLong ? 12 : 1); round += 1) {
        const relay = await stage.relay();
        await stage.more(stage.isLong ? 200 : 50);
        await step.hold(relay, stage);
        await eventually(async () => assert.ok(await step.isThere(stage), `it does not come to ${step.name}`), 20_000);
        await relay.kill();
      }
      await stage.relay();
      await stage.more(stage.isLong ? 9_000 : 100);
      await settled(stage);
      await stage.assertOrder(keys);
    },
  };
}

/** Nothing lost, nothing twice; and exactly what was bought has had its effect. */
async function settled(stage: Stage): Promise<void> {
  const { lost, phantom, hung, duplicates, stuck, deadLettered } = await stage.finish();
  assert.deepEqual({ lost, phantom, hung, duplicates, stuck, deadLettered }, nothing);
  const difference = await stage.count(
    'FROM purchase AS p FULL JOIN effect AS e ON e.id = p.id WHERE p.id IS NULL OR e.id IS NULL',
  );
  assert.equal(difference, 0, 'purchases and effects differ');
}

const nothing = { lost: [], phantom: [], hung: [], duplicates: 0, stuck: [], deadLettered: 0 };

export const scenarios: readonly Scenario[] = [
  ...steps.map(killedAt),
  {
    name: 'relays-killed-at-random',
    situation: 'two relays share the work, and one after the other is killed',
    run: async (stage) => {
      await stage.worker();
      stage.write({ keys });
      const relays = [await stage.relay(), await stage.relay()];
      for (let round = 0; round < (stage.isLong ? 25 : 2); round += 1) {
        await stage.more(50 + (round % 7) * 9);
        await relays.shift()?.kill();
        relays.push(await stage.relay());
      }
      await stage.more(stage.isLong ? 10_000 : 100);
      await settled(stage);
    },
  },
  {
    name: 'one-of-two-relays-dies',
    situation: 'two relays share the work, one is killed with messages in its hands, the other goes on alone',
    run: async (stage) => {
      await stage.worker();
      stage.write();
      const [dying] = [await stage.relay(), await stage.relay()];
      await stage.more(100);
      dying?.broker.blackhole();
      await eventually(async () => assert.ok(await stage.isTaking()), 20_000);
      await dying?.kill();
      await stage.more(stage.isLong ? 12_000 : 200);
      await settled(stage);
    },
  },
  {
    name: 'worker-killed',
    situation: 'a worker with the inbox is killed with messages in its hands',
    run: async (stage) => {
      await stage.relay();
      stage.write();
      let worker = await stage.worker();
      for (let round = 0; round < (stage.isLong ? 25 : 2); round += 1) {
        await stage.more(50 + (round % 5) * 13);
        await worker.kill();
        worker = await stage.worker();
      }
      await stage.more(stage.isLong ? 10_000 : 100);
      await settled(stage);
    },
  },
  ...(['stop', 'kill'] as const).map(
    (how): Scenario => ({
      name: how === 'stop' ? 'database-restarted' : 'database-killed',
      situation: how === 'stop' ? 'the database is restarted' : 'the database is killed, and started again',
      run: async (stage) => {
        await stage.worker();
        await stage.relay();
        stage.write();
        for (let round = 0; round < (stage.isLong ? 5 : 1); round += 1) {
          await stage.more(200);
          await stage.postgres[how]();
          await passed(stage.isLong ? 2_000 : 500);
          await stage.postgres.start();
        }
        await stage.more(stage.isLong ? 11_000 : 200);
        await settled(stage);
      },
    }),
  ),
  {
    name: 'broker-away',
    situation: 'the broker is away for a minute, while messages are written',
    run: async (stage) => {
      await stage.worker();
      await stage.relay();
      stage.write();
      await stage.more(200);
      await stage.broker.nodes[0]?.kill();
      await Promise.all([passed(stage.isLong ? 60_000 : 3_000), stage.more(200)]);
      assert.ok((await stage.count('FROM surehop.outbox WHERE sent_at IS NULL')) > 100, 'what was written has left');
      await stage.broker.nodes[0]?.start();
      await stage.more(stage.isLong ? 2_000 : 200);
      await settled(stage);
    },
  },
];
