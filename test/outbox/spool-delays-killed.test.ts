import { join } from 'node:path';
import { connect, createConsumer } from '@surehop/consumer';
import { createSpoolingPublisher, defineQueue } from '@surehop/outbox';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { SpoolChild } from './spool-child.ts';
import { folder } from './spool-file.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<string>('orders');
const delayMs = 12_000; // 120 units: 64, then the rest
const firstLevel = 'surehop.delay.v1.level.6';

describe('a process that is killed with a delayed message in its spool', () => {
  test.each([
    { step: 'before it is published', lost: 'to-broker', waiting: 1, copies: 1 },
    { step: 'before it is confirmed', lost: 'to-client', waiting: 2, copies: 2 },
  ] as const)(
    '$step: the next process sends it, and it comes when its time is up',
    { timeout: 120_000 },
    async (given) => {
      await using vhost = await broker.vhost();
      await using proxy = await FaultProxy.start(vhost);
      const file = join(folder(), 'spool');
      await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
      const seen: { readonly id: string | undefined; readonly at: number }[] = [];
      await createConsumer(rabbit, orders, ({ properties }) => {
        seen.push({ id: properties.messageId, at: performance.now() });
      });
      const url = vhost.url(proxy.port);
      await using child = new SpoolChild({ file, url, together: 1, count: 2, pauseMs: 2_000, bodyBytes: 10, delayMs });
      // The first one declares the network, and is on its way before anything is lost.
      await eventually(async () => expect(await vhost.messages(firstLevel), child.stderr).toBe(1), 20_000);
      await eventually(() => expect(child.stored, child.stderr).toEqual(['m-1']));
      proxy.swallow(given.lost);
      const notBefore = performance.now();
      await eventually(() => expect(child.stored, child.stderr).toEqual(['m-1', 'm-2']), 20_000);
      await eventually(async () => expect(await vhost.messages(firstLevel)).toBe(given.waiting));
      await child.kill();
      const killedAt = performance.now();
      expect(seen).toEqual([]);
      await using publisher = await createSpoolingPublisher(rabbit, { file });
      await eventually(() => expect(publisher.health().depth).toBe(0), 20_000);
      const goesOnAt = performance.now();
      const ours = () => seen.filter(({ id }) => id === 'm-2');
      await eventually(() => expect(ours()).toHaveLength(given.copies), 30_000);
      for (const { at } of ours()) {
        expect(at).toBeGreaterThan(notBefore + delayMs - 10);
        expect(at).toBeLessThan(Math.max(killedAt + delayMs, goesOnAt) + 4_000);
      }
    },
  );
});
