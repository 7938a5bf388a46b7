import assert from 'node:assert/strict';
import { eventually } from '@surehop/testing';
import { type Figures, within } from '../figures.ts';
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
  /** Processes that die of them, at least and at most. */
  readonly deaths: readonly [number, number];
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
  assertDeaths(fleet, deaths);
  return figures;
}

function assertDeaths({ deaths }: Fleet, [least, most]: readonly [number, number]): void {
  assert.ok(deaths >= least && deaths <= most, `${deaths} processes died, ${least} to ${most} were expected`);
}

/** Of one message that kills whoever handles it: when it was given back as well, that counts too before 4.3. */
const deathsOf = (deliveryLimit: number): [number, number] => [1, deliveryLimit + 1];

/**
 * A slow consumer with a wide window is ended and started again, more often than its queue's limit, each time when it has
 * just begun; one of its messages is poison.
 */
async function rollout(stage: Stage, signal: 'SIGTERM' | 'SIGKILL', poison: number): Promise<Figures> {
  const deliveryLimit = 5;
  const restarts = stage.isLong ? 21 : 8;
  const fleet = stage.own(
    new Fleet(stage, { consumer: { concurrency: 5, prefetch: 100 }, workMs: 40, contract: { deliveryLimit } }),
  );
  await fleet.order(orders(300, { [poison]: 'kill' }));
  fleet.start(1);
  let closed = 0;
  for (let restarted = 0; restarted < restarts; ) {
    const service = await fleet.atWork(5);
    service.kill(signal);
    await service.ended;
    if (service.hasClosed) closed += 1;
    // One that dies of its message before it has closed was not deployed anew.
    if (signal === 'SIGKILL' || service.hasClosed) restarted += 1;
  }
  const figures = await aftermath(fleet, 300, [poison]);
  assert.equal(closed, signal === 'SIGTERM' ? restarts : 0);
  const [, most] = deathsOf(deliveryLimit);
  // Where processes are killed anyway, that alone can bring the message to its limit.
  assertDeaths(fleet, signal === 'SIGTERM' ? deathsOf(deliveryLimit) : [restarts, restarts + most]);
  return figures;
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
  ...[5, 50].map(
    (deliveryLimit): Scenario => ({
      name: `poison-limit-${deliveryLimit}`,
      situation: `one message of 100 kills the process that handles it, each time; the delivery limit is ${deliveryLimit}`,
      duplicates: 'possible',
      run: (stage) =>
        outbreak(stage, {
          deeds: { 25: 'kill' },
          dead: [25],
          contract: { deliveryLimit },
          deaths: deathsOf(deliveryLimit),
        }),
    }),
  ),
  {
    name: 'poison-among-replicas',
    situation: 'one message of 300 kills whichever of three processes handles it',
    duplicates: 'possible',
    // Red, in three of four runs before 4.3, without: `finish()` in packages/consumer/src/subscription.ts, for there
    // what is given back comes nearer to its limit.
    run: (stage) => {
      const deliveryLimit = stage.isLong ? 50 : 3;
      const fleet = { count: 300, replicas: 3, contract: { deliveryLimit } };
      return outbreak(stage, { ...fleet, deeds: { 60: 'kill' }, dead: [60], deaths: deathsOf(deliveryLimit) });
    },
  },
  {
    name: 'poison-twice',
    situation: 'two messages of 100 kill the process that handles them, each time',
    duplicates: 'possible',
    run: (stage) => {
      const deliveryLimit = limitOf(stage);
      const deeds = { 20: 'kill', 40: 'kill' } as const;
      return outbreak(stage, {
        deeds,
        dead: [20, 40],
        contract: { deliveryLimit },
        deaths: [2, 2 * (deliveryLimit + 1)],
      });
    },
  },
  {
    name: 'poison-in-company',
    situation: 'a message kills its process only when others are handled beside it: it is handled in the end',
    duplicates: 'possible',
    run: (stage) => {
      const deeds = { 25: 'kill beside others' } as const;
      return outbreak(stage, { deeds, dead: [], contract: { deliveryLimit: limitOf(stage) }, deaths: [0, 4] });
    },
  },
  classic(
    'poison-classic',
    'one message of 100 on a classic queue kills the process that handles it, each time, one at a time: it and those behind it wait until a version that survives it is deployed',
    1,
  ),
  classic(
    'poison-classic-beside-others',
    'one message of 100 on a classic queue kills the process that handles it and others beside it, each time: all of them wait until a version that survives it is deployed',
    50,
  ),
  {
    name: 'rolling-deploy',
    situation:
      'a consumer with 100 messages in hand is deployed anew (SIGTERM) again and again, one of them kills the process that handles it',
    duplicates: 'possible',
    run: (stage) => rollout(stage, 'SIGTERM', 20),
  },
  {
    name: 'rolling-kills',
    situation: 'a consumer with 100 messages in hand is killed (-9) again and again, one of them is poison',
    duplicates: 'possible',
    run: (stage) => rollout(stage, 'SIGKILL', 50),
  },
];

/**
 * A classic queue has no delivery limit and counts no deliveries: nothing lays the message aside, and nothing marks it.
 *
 * Red without: `ack` only once the handler is done, `onOutcome` in packages/consumer/src/work.ts.
 */
function classic(name: string, situation: string, concurrency: number): Scenario {
  return {
    name,
    situation,
    types: ['classic'],
    duplicates: 'possible',
    async run(stage) {
      const fleet = stage.own(new Fleet(stage, { consumer: { concurrency, prefetch: 50 } }));
      await fleet.order(orders(100, { 25: 'kill' }));
      fleet.start(1);
      const deaths = stage.isLong ? 30 : 8;
      await eventually(() => assert.ok(fleet.deaths >= deaths), 120_000);
      assert.deepEqual(await fleet.deadLetters(), []);
      const left = await stage.vhost.messages('work');
      assert.ok(left >= 76, `${left} messages are left: some behind it were handled`);
      // What was handled right before it, and not acknowledged yet, is handled again after each death.
      if (concurrency === 1) assert.ok(left <= 78, `${left} messages are left: some before it were not handled`);
      fleet.mend();
      await fleet.drains(drainMs);
      const figures = await fleet.finish();
      assert.equal(figures.handled, 100);
      assert.equal(figures.deadLettered, 0);
      return within(figures, { duplicates: 24 + 2 * deaths });
    },
  };
}
