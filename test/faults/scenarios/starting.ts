import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type ErrorCode, isSurehopError } from '@surehop/core';
import { eventually } from '@surehop/testing';
import { type Figures, within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import { Traffic } from '../traffic.ts';

/** A service starts, or publishes, while there is no broker. */
export const startingScenarios: readonly Scenario[] = [
  {
    name: 'broker-down-at-start',
    situation: 'a service starts before the broker does',
    needs: ['kill'],
    duplicates: 'none',
    // Red without: trying again within `waitMs`, `again` in `open` of packages/core/src/link.ts.
    async run(stage) {
      await stage.node.stop();
      try {
        await isTold(connect({ url: stage.vhost.url(), log: stage.log }), 'SUREHOP_CONNECT_UNREACHABLE', 1_000);
        const traffic = stage.own(new Traffic(stage, { connect: { waitMs: 60_000 } }));
        const starting = traffic.start();
        starting.catch(() => undefined); // told below
        await eventually(() => assert.ok(stage.said('SUREHOP_CONNECT_UNREACHABLE') >= 5), 20_000);
        await traffic.restartNode();
        await starting;
        await traffic.recovers();
        const figures = within(await traffic.finish(), { firstPublishedMs: 6_000, firstHandledMs: 6_000 });
        return withTold(figures, 'SUREHOP_CONNECT_UNREACHABLE');
      } finally {
        await stage.node.start();
      }
    },
  },
  {
    name: 'publish-while-down',
    situation: 'messages are published while there is no broker, for longer than their callers wait',
    duplicates: 'possible',
    // Red without: what was never written is told apart, `sending?.written` in packages/publisher/src/dispatcher.ts.
    async run(stage) {
      const deadlineMs = 1_000;
      const traffic = await stage.traffic({ perSecond: 200, deadlineMs });
      stage.proxy.refuse();
      stage.proxy.cut();
      await traffic.goesDown(1_000);
      assert.equal(traffic.publishing.health().status, 'down');
      const startedAt = performance.now();
      const published = traffic.publisher.publish(traffic.contract, { number: 0 }, { deadlineMs });
      await isTold(published, 'SUREHOP_PUBLISH_NOT_SENT', deadlineMs + 300);
      assert.ok(performance.now() - startedAt > deadlineMs - 50, 'not before its deadline');
      await pause(stage.isLong ? 20_000 : 2_000);
      stage.proxy.heal();
      await traffic.recovers();
      const figures = await traffic.finish();
      const { SUREHOP_PUBLISH_NOT_SENT: notSent = 0 } = figures.codes;
      assert.ok(notSent > 200, 'callers are told at their deadline that nothing was sent');
      return within(figures, { firstPublishedMs: 3_000, firstHandledMs: 3_000 });
    },
  },
  {
    name: 'login-refused-at-start',
    situation: 'a service starts with a wrong password, or for a virtual host that is not there',
    duplicates: 'none',
    // Red without: what waiting cannot mend is not tried again, `failure.permanent` in `open` of packages/core/src/link.ts.
    async run(stage) {
      const url = stage.vhost.url(stage.proxy.port);
      const traffic = await stage.traffic();
      const before = stage.sockets.opened;
      const options = { waitMs: 60_000, log: stage.log };
      const wrongPassword = url.replace(/\/\/[^@]+@/, '//guest:s3cret@');
      await isTold(connect({ url: wrongPassword, ...options }), 'SUREHOP_LOGIN_REFUSED', 3_000);
      await isTold(connect({ url: `${url}-not-there`, ...options }), 'SUREHOP_VHOST_REFUSED', 3_000);
      assert.ok(stage.sockets.opened - before <= 2, 'it is tried once');
      await eventually(() => assert.equal(stage.sockets.connected, 4, 'a socket is left'), 1_000);
      assert.ok(!JSON.stringify(stage.lines).includes('s3cret'), 'the log tells the password');
      await traffic.flows();
      return withTold(await traffic.finish(), 'SUREHOP_LOGIN_REFUSED', 'SUREHOP_VHOST_REFUSED');
    },
  },
  {
    name: 'password-changed',
    situation: 'the password is changed while the service runs, which learns the new one later',
    duplicates: 'possible',
    // Red without: credentials asked for anew once refused, `login.refused()` in `#dial` of packages/core/src/link.ts;
    // and without the long waits after a refusal, `isSlow` in `#delay` there.
    async run(stage) {
      const user = await stage.vhost.addUser('service', 'old', { configure: '.*', write: '.*', read: '.*' });
      const username = decodeURIComponent(new URL(user.url()).username);
      let password = 'old';
      const credentials = async () => ({ username, password, expiresInMs: 3_600_000 });
      const refusedMaxDelayMs = stage.isLong ? 10_000 : 2_000;
      const traffic = await stage.traffic({
        perSecond: 100,
        deadlineMs: 60_000,
        connect: { credentials, reconnectMaxDelayMs: 50, refusedMaxDelayMs },
      });
      await stage.vhost.addUser('service', 'new', { configure: '.*', write: '.*', read: '.*' }); // the same user
      await traffic.flows(100); // what is connected stays so
      stage.proxy.cut();
      await traffic.goesDown(1_000);
      await pause(stage.isLong ? 30_000 : 4_000);
      assert.equal(traffic.publishing.health().status, 'down');
      const refusals = stage.said('SUREHOP_LOGIN_REFUSED');
      assert.ok(refusals >= 4 && refusals <= 60, `${refusals} refusals of four connections`);
      password = 'new';
      await traffic.recovers();
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {}, 'no caller is told of it');
      return within(figures, { reconnectMs: refusedMaxDelayMs + 2_000, firstPublishedMs: refusedMaxDelayMs + 2_000 });
    },
  },
];

/** With what callers of `connect()` were told, once each. */
function withTold(figures: Figures, ...codes: readonly ErrorCode[]): Figures {
  return { ...figures, codes: { ...figures.codes, ...Object.fromEntries(codes.map((code) => [code, 1])) } };
}

async function isTold(work: Promise<unknown>, code: ErrorCode, withinMs: number): Promise<void> {
  const startedAt = performance.now();
  await assert.rejects(work, (error) => isSurehopError(error, code));
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < withinMs, `${code} is told after ${tookMs} ms, at most ${withinMs} was expected`);
}
