import assert from 'node:assert/strict';
import { eventually } from '@surehop/testing';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Message } from '../traffic.ts';

function limit({ vhost }: Stage, queue: string, messages: number): Promise<void> {
  return vhost.setPolicy('full', `^${queue.replaceAll('.', '[.]')}$`, { 'max-length': messages });
}

function assertNoChannelWasClosed({ lines }: Stage): void {
  const closed = lines.filter(({ message }) => message === 'the broker closed a publishing channel');
  assert.deepEqual(closed, []);
}

const mebibyte = 1024 * 1024;

/** What the broker, or the SDK before it, does not take. */
export const refusingScenarios: readonly Scenario[] = [
  {
    name: 'queue-full',
    situation: 'the queue is full and refuses messages, until there is room again',
    types: ['quorum', 'classic'],
    duplicates: 'none',
    // Red without `!stored` in packages/core/src/confirmed-channel.ts: what was refused passes for stored.
    async run(stage) {
      const traffic = await stage.traffic();
      await traffic.consumer.pause();
      await limit(stage, traffic.queue, 20);
      const refused = (): number => traffic.watch.figures([]).codes.SUREHOP_REFUSED ?? 0;
      await eventually(() => assert(refused() >= (stage.isLong ? 5_000 : 500)), 60_000);
      traffic.watch.healed();
      await limit(stage, traffic.queue, 1_000_000);
      await traffic.consumer.resume();
      await traffic.recovers();
      assert.equal(traffic.losses, 0);
      assertNoChannelWasClosed(stage);
      const figures = within(await traffic.finish(), { firstPublishedMs: 2_500, firstHandledMs: 2_500 });
      assert.deepEqual(Object.keys(figures.codes), ['SUREHOP_REFUSED']);
      return figures;
    },
  },
  {
    name: 'rung-full',
    situation: 'the delay queue is full and refuses retries, until there is room again',
    duplicates: 'none',
    // Red without `outcome.status === 'confirmed'` in packages/consumer/src/copies.ts: originals are acknowledged, their
    // copies stored nowhere.
    async run(stage) {
      const handle = ({ attempt, body }: Message): void => {
        if (attempt === 1 && body.number % 5 === 0) throw new Error('not at the first attempt');
      };
      const traffic = await stage.traffic({ handle });
      await limit(stage, 'work.retry.200', 1);
      await eventually(() => {
        const { status, consumers } = traffic.consuming.health();
        assert.equal(status, 'degraded');
        assert((consumers[0]?.unstoredCopies ?? 0) >= 20, 'originals are kept');
      }, 20_000);
      traffic.watch.healed();
      await limit(stage, 'work.retry.200', 1_000_000);
      await traffic.recovers();
      assertNoChannelWasClosed(stage);
      const figures = within(await traffic.finish(), { firstPublishedMs: 500, firstHandledMs: 10_000 });
      assert.deepEqual(figures.codes, {});
      return figures;
    },
  },
  {
    name: 'too-large',
    situation: 'bodies of 17 MiB and headers of 70 kB among small messages',
    duplicates: 'none',
    // Red without `maxMessageBytes` and `maxHeaderBytes` in packages/core/src/properties.ts: 3.10 takes such a body, and later
    // releases close the channel for it; amqplib cannot write such headers.
    async run(stage) {
      const traffic = await stage.traffic();
      const padding = 'x'.repeat(17 * mebibyte);
      const headers = { big: 'x'.repeat(70_000) };
      const { contract, publisher } = traffic;
      const rounds = 3;
      for (let round = 0; round < rounds; round += 1) {
        const [body, header, fitting] = await Promise.all([
          traffic.aside((messageId) => publisher.publish(contract, { number: 0, padding }, { messageId })),
          traffic.aside((messageId) => publisher.publish(contract, { number: 0 }, { messageId, headers })),
          traffic.aside((messageId) =>
            publisher.publish(contract, { number: 0, padding: padding.slice(mebibyte * 2) }, { messageId }),
          ),
        ]);
        assert.match(String(body), /has 178\d+ bytes, .*; nothing was sent$/);
        assert.match(String(header), /headers of .* have 700\d+ bytes, .*; nothing was sent$/);
        assert.equal(fitting, undefined);
        await traffic.flows(50);
      }
      assert.equal(traffic.losses, 0);
      assertNoChannelWasClosed(stage);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, { SUREHOP_HEADERS_TOO_LARGE: rounds, SUREHOP_MESSAGE_TOO_LARGE: rounds });
      return figures;
    },
  },
];
