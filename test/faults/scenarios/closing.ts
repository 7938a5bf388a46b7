import assert from 'node:assert/strict';
import { eventually } from '@surehop/testing';
import type { Figures } from '../figures.ts';
import { Fleet } from '../fleet.ts';
import type { Order, Replica } from '../replica.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** Longer than the round trip of a cancel through the delayed proxy, shorter than the publishes take through it. */
const workMs = 350;

interface Harm {
  /** Brings the broker to where it is when the service is told to close. */
  readonly begin?: () => unknown;
  /** Mends it, once the service has ended. */
  readonly end?: () => unknown;
  /** Of each publish that is in hand, in milliseconds. */
  readonly deadlineMs: number;
  /** How long the service may take from SIGTERM until its process has ended by itself, in milliseconds. */
  readonly limitMs: number;
}

/** A whole service closes on SIGTERM, with 1,000 publishes and 100 handlers in hand; another one comes in its place. */
async function closeInHand(stage: Stage, harm: Harm): Promise<Figures> {
  const url = stage.vhost.url(stage.proxy.port);
  const fleet = stage.own(new Fleet(stage, { url, consumer: { concurrency: 100 }, workMs }));
  // The oldest of the window last: the others need an acknowledgement each, all of them just before the channel closes.
  const orderOf = (number: number): Order => (number === 2 ? { number, deed: 'last' } : { number });
  await fleet.order(Array.from({ length: 101 }, (_, index) => orderOf(index + 1)));
  fleet.start(1);
  const service = await fleet.atWork(101);
  try {
    await harm.begin?.();
    await closeNow(fleet, service, harm);
  } finally {
    await harm.end?.();
  }
  await fleet.drains(30_000);
  return fleet.finish();
}

async function closeNow({ watch }: Fleet, service: Replica, { deadlineMs, limitMs }: Harm): Promise<void> {
  service.publishAndClose(1_000, deadlineMs);
  await eventually(() => assert.ok(watch.open > 0), 5_000);
  const from = performance.now();
  const code = await service.ended;
  const tookMs = performance.now() - from;
  assert.equal(code, 0);
  assert.ok(service.hasClosed, 'close() has resolved');
  assert.equal(watch.open, 0, 'all publishes have settled');
  assert.ok(tookMs < limitMs, `it took ${Math.round(tookMs)} ms to close, at most ${limitMs} were expected`);
}

/** What is in hand when a service closes. */
export const closingScenarios: readonly Scenario[] = [
  {
    name: 'closed-in-order',
    situation: 'a service closes (SIGTERM) with 1,000 publishes and 100 handlers in hand',
    types: ['quorum', 'classic'],
    duplicates: 'none',
    // Red without: waiting for publishes, `#dispatcher.close` in packages/publisher/src/publisher.ts, and for handlers,
    // `whenIdle` in `close` of packages/consumer/src/intake.ts.
    async run(stage) {
      const begin = () => stage.proxy.delay(100);
      const figures = await closeInHand(stage, {
        begin,
        end: () => stage.proxy.heal(),
        deadlineMs: 10_000,
        limitMs: 5_000,
      });
      assert.equal(figures.resolved, 1_101);
      assert.equal(figures.handled, 1_101);
      return figures;
    },
  },
  {
    name: 'closed-while-blocked',
    situation: 'a service closes (SIGTERM) with publishes in hand while the broker blocks publishing',
    needs: ['alarm', 'ctl'],
    duplicates: 'none',
    // Red without: the deadline of each publish holds while closing, packages/core/src/deadlines.ts.
    async run(stage) {
      const deadlineMs = 3_000;
      const figures = await closeInHand(stage, {
        begin: () => stage.node.ctl(['set_vm_memory_high_watermark', '0.0001']),
        end: () => stage.node.ctl(['set_vm_memory_high_watermark', '0.6']),
        deadlineMs,
        limitMs: deadlineMs + 5_000,
      });
      assert.equal(figures.notStored + figures.unknown, 1_000, 'what was not taken is told');
      return figures;
    },
  },
  {
    name: 'closed-while-frozen',
    situation: 'a service closes (SIGTERM) with publishes and handlers in hand while the broker does not answer',
    needs: ['freeze'],
    duplicates: 'possible',
    // Red without: deadlines of all that `close()` asks of the broker, packages/core/src/rabbit.ts and packages/consumer/src/intake.ts.
    async run(stage) {
      const deadlineMs = 3_000;
      const figures = await closeInHand(stage, {
        begin: () => stage.node.freeze(),
        end: () => stage.node.resume(),
        deadlineMs,
        limitMs: deadlineMs + 17_000,
      });
      assert.equal(figures.notStored + figures.unknown, 1_000, 'what was not confirmed is told');
      return figures;
    },
  },
];
