import { connect, createConsumer } from '@surehop/consumer';
import { createOutbox } from '@surehop/outbox';
import { attachBroker, attachPostgres, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { orders } from './faults/contract.ts';
import { Stage } from './faults/stage.ts';

const broker = attachBroker(inject('broker'));
const postgres = attachPostgres(inject('postgres'));
const outbox = createOutbox();

afterAll(async () => {
  await broker.close();
  await postgres.close();
});

describe('a relay that is killed with a delayed message in its hands', () => {
  const delayMs = 12_000; // 120 units: 64, then the rest
  const firstLevel = 'surehop.delay.v1.level.6';
  const steps = [
    { step: 'before it is published', lost: 'to-broker', copies: 1, waiting: 1 },
    { step: 'before it is confirmed', lost: 'to-client', copies: 2, waiting: 2 },
  ] as const;

  test.each(steps)(
    '$step: the next one sends it, and it comes when its time is up',
    { timeout: 120_000 },
    async (given) => {
      await using stage = await Stage.open(broker, postgres, false);
      await using rabbit = await connect({ url: stage.vhost.url(), log: keepingLogger().log });
      const seen: { readonly id: string | undefined; readonly at: number }[] = [];
      await createConsumer(rabbit, orders, ({ properties }) => {
        seen.push({ id: properties.messageId, at: performance.now() });
      });
      const add = async (messageId: string): Promise<number> => {
        const at = performance.now();
        await stage.store.within((tx) => outbox.publish(tx, orders, { id: messageId }, { messageId, delayMs }));
        return at;
      };
      const unsent = () => stage.store.rows('SELECT message_id FROM surehop.outbox WHERE sent_at IS NULL');
      const relay = await stage.relay();
      await add('declares the network');
      await eventually(async () => expect(await stage.vhost.messages(firstLevel)).toBe(1), 20_000);
      await eventually(async () => expect(await unsent()).toEqual([]));
      relay.broker.swallow(given.lost);
      const calledAt = await add('m');
      await eventually(async () => {
        expect(await stage.isTaking()).toBe(true);
        expect(await stage.vhost.messages(firstLevel)).toBe(given.waiting);
      }, 10_000);
      await relay.kill();
      expect(await unsent()).toHaveLength(1);
      await stage.relay();
      const goesOnAt = performance.now();
      await eventually(() => expect(seen).toHaveLength(1 + given.copies), 40_000);
      for (const { at } of seen.filter(({ id }) => id === 'm')) {
        expect(at).toBeGreaterThan(calledAt + delayMs - 10);
        expect(at).toBeLessThan(Math.max(calledAt + delayMs, goesOnAt) + 4_000);
      }
      await eventually(async () => expect(await unsent()).toEqual([]));
    },
  );
});
