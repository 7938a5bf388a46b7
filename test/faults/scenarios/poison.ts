import assert from 'node:assert/strict';
import { eventually } from '@surehop/testing';
import type { Figures } from '../figures.ts';
import { Fleet, type FleetOptions } from '../fleet.ts';
import type { Deed, Order } from '../replica.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** So many orders, of which some do harm. */
function orders(count: number, deeds: Readonly<Record<number, Deed>> = {}): Order[] {
  return Array.from({ length: count }, (_, index) => {
    const deed = deeds[index + 1];
    return deed === undefined ? { number: index + 1 } : { number: index + 1, deed };
  });
}

interface Outbreak extends FleetOptions {
  readonly count?: number;
  readonly replicas?: number;
  readonly deeds: Readonly<Record<number, Deed>>;
  /** Numbers that are laid aside, and no others. */
  readonly dead: readonly number[];
  /** Processes that die of them, at most. */
  readonly deaths: number;
}

/** Some of many messages kill whoever handles them; each process is started again when it dies. */
async function outbreak(
  stage: Stage,
  { count = 100, replicas = 1, deeds, dead, deaths, ...options }: Outbreak,
): Promise<Figures> {
  const fleet = stage.own(new Fleet(stage, { consumer: { concurrency: 50 }, ...options }));
  await fleet.order(orders(count, deeds));
  fleet.start(replicas);
  const figures = await aftermath(fleet, count, dead);
  assert.ok(fleet.deaths <= deaths, `${fleet.deaths} processes died, at most ${deaths} were expected`);
  return figures;
}

interface Rollout extends FleetOptions {
  readonly signal: 'SIGTERM' | 'SIGKILL';
  readonly deeds?: Readonly<Record<number, Deed>>;
  readonly dead?: readonly number[];
}

/** A slow consumer with a wide window is ended and started again, more often than its queue's limit, each time when it has just begun. */
async function rollout(stage: Stage, { signal, deeds = {}, dead = [], ...options }: Rollout): Promise<Figures> {
  const fleet = stage.own(
    new Fleet(stage, {
      consumer: { concurrency: 5, prefetch: 100 },
      workMs: 40,
      contract: { deliveryLimit: 5 },
      ...options,
    }),
  );
  await fleet.order(orders(300, deeds));
  fleet.start(1);
  for (let restarts = 0; restarts < (stage.isLong ? 21 : 8); restarts += 1) {
    const service = await fleet.atWork(5);
    service.kill(signal);
    await service.ended;
  }
  return aftermath(fleet, 300, dead);
}

/** A hundred processes start and die one after the other: 70 s where nothing else runs, twice that beside other work. */
const drainMs = 200_000;

async function aftermath(fleet: Fleet, count: number, dead: readonly number[]): Promise<Figures> {
  await fleet.drains(drainMs);
  await eventually(async () => assert.ok((await fleet.deadLetters()).length >= dead.length), 10_000);
  const figures = await fleet.finish();
  assert.deepEqual((await fleet.deadLetters()).toSorted(), dead.map(String).toSorted());
  assert.equal(figures.handled, count - dead.length);
  return figures;
}

/** The low one leaves little room for harm to neighbours; the other one is what queues have by default. */
const limitOf = ({ isLong }: Stage): number => (isLong ? 50 : 5);

/**
 * Messages that kill the process that handles them, and processes that are ended often.
 *
 * Red without, all of them: a mark that can be reached, `markOf` in packages/consumer/src/quarantine.ts. Neighbours are
 * dead-lettered then.
 */
export const poisonScenarios: readonly Scenario[] = [
  {
    name: 'poison',
    situation: 'one message of 100 kills the process that handles it, each time',
    duplicates: 'possible',
    run: (stage) => {
      const deliveryLimit = limitOf(stage);
      return outbreak(stage, {
        deeds: { 25: 'kill' },
        dead: [25],
        contract: { deliveryLimit },
        deaths: deliveryLimit + 1,
      });
    },
  },
  {
    name: 'poison-among-replicas',
    situation: 'one message of 300 kills whichever of three processes handles it',
    duplicates: 'possible',
    // Red, in three of four runs before 4.3, without: `finish()` in packages/consumer/src/subscription.ts, for there
    // what is given back comes nearer to its limit.
    run: (stage) => {
      const deliveryLimit = stage.isLong ? 50 : 3;
      const fleet = { count: 300, replicas: 3, contract: { deliveryLimit } };
      return outbreak(stage, { ...fleet, deeds: { 60: 'kill' }, dead: [60], deaths: deliveryLimit + 1 });
    },
  },
  {
    name: 'poison-twice',
    situation: 'two messages of 100 kill the process that handles them, each time',
    duplicates: 'possible',
    run: (stage) => {
      const deliveryLimit = limitOf(stage);
      const deeds = { 20: 'kill', 40: 'kill' } as const;
      return outbreak(stage, { deeds, dead: [20, 40], contract: { deliveryLimit }, deaths: 2 * (deliveryLimit + 1) });
    },
  },
  {
    name: 'poison-in-company',
    situation: 'a message kills its process only when others are handled beside it: it is handled in the end',
    duplicates: 'possible',
    run: (stage) => {
      const deeds = { 25: 'kill beside others' } as const;
      return outbreak(stage, { deeds, dead: [], contract: { deliveryLimit: limitOf(stage) }, deaths: 4 });
    },
  },
  {
    name: 'rolling-deploy',
    situation: 'a consumer with 100 messages in hand is deployed anew (SIGTERM) again and again',
    duplicates: 'none',
    run: (stage) => rollout(stage, { signal: 'SIGTERM' }),
  },
  {
    name: 'rolling-kills',
    situation: 'a consumer with 100 messages in hand is killed (-9) again and again, one of them is poison',
    duplicates: 'possible',
    run: (stage) => rollout(stage, { signal: 'SIGKILL', deeds: { 50: 'kill' }, dead: [50] }),
  },
];
