import { join } from 'node:path';
import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { folder } from './spool-file.ts';
import { spoolLoad } from './spool-load.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

test('services that are killed while the broker is away lose nothing, and send everything in order', {
  timeout: 60_000,
}, async () => {
  await using vhost = await broker.vhost();
  const file = join(folder(), 'spool');
  const report = await spoolLoad({ vhost, file, messages: 6_000, awayMs: 1_500, perSecond: 20_000, kills: 2 });
  expect(report).toMatchObject({ lost: [], phantom: [], hung: [], outOfOrder: 0, deadLettered: 0 });
  expect(report.resolved).toBeGreaterThanOrEqual(6_000);
  expect(report.acceptedWhileAway).toBeGreaterThanOrEqual(2_000);
});
