import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, isSurehopError } from '@surehop/core';
import { eventually } from '@surehop/testing';
import { within } from '../figures.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { Traffic } from '../traffic.ts';

type Direction = 'to-broker' | 'to-client';

/** The network loses everything and tells nobody. */
export const blackHoleScenarios: readonly Scenario[] = [
  lost('black-hole', 'nothing arrives any more, neither way, and nobody says so', ['to-broker', 'to-client']),
  lost('black-hole-to-broker', 'nothing arrives at the broker any more, and nobody says so', ['to-broker']),
  lost('black-hole-to-client', 'nothing of the broker arrives any more, and nobody says so', ['to-client']),
  {
    name: 'black-hole-at-reconnect',
    situation: 'connections are reset, and those made anew are black holes',
    duplicates: 'possible',
    // Red without: the time limit of a connect, `limited()` in `#dial` of packages/core/src/link.ts.
    async run(stage) {
      const connectTimeoutMs = stage.isLong ? 5_000 : 1_000;
      const traffic = await stage.traffic({ perSecond: 200, connect: { connectTimeoutMs } });
      stage.proxy.blackhole();
      stage.proxy.cut();
      await traffic.goesDown(1_000);
      const attempts = stage.isLong ? 12 : 8;
      await eventually(() => assert.ok(stage.said('SUREHOP_CONNECT_TIMEOUT') >= attempts), 60_000);
      assert.ok(stage.sockets.connected <= 4, 'a link tries one socket at a time, and leaves none behind');
      stage.proxy.heal();
      await traffic.recovers();
      assert.equal(stage.sockets.connected, 4, 'of the attempts that were given up, no socket is left');
      return within(await traffic.finish(), { firstPublishedMs: 10_000, firstHandledMs: 10_000 });
    },
  },
  {
    name: 'black-hole-at-start',
    situation: 'a service starts, and its connection is a black hole from the first byte on',
    duplicates: 'none',
    // Red without: the time limit of a connect, `limited()` in `#dial` of packages/core/src/link.ts.
    async run(stage) {
      const connectTimeoutMs = stage.isLong ? 5_000 : 1_000;
      stage.proxy.blackhole();
      await givesUp(stage, connectTimeoutMs);
      const traffic = stage.own(new Traffic(stage, { connect: { connectTimeoutMs, waitMs: 60_000 } }));
      const starting = traffic.start();
      starting.catch(() => undefined); // told below
      await eventually(() => assert.ok(stage.said('SUREHOP_CONNECT_TIMEOUT') >= 3), 30_000);
      traffic.watch.healed();
      stage.proxy.heal();
      await starting;
      assert.equal(stage.sockets.connected, 4, 'of the attempts that were given up, no socket is left');
      await traffic.recovers();
      return within(await traffic.finish(), { firstPublishedMs: 10_000, firstHandledMs: 10_000 });
    },
  },
];

/**
 * Red without: heartbeats, `heartbeat` in `connectUrl` of packages/core/src/driver-amqplib.ts; and, where the client is the
 * one that notices, without the socket destroyed at a timeout, `#socket.abort()` in `#end` there.
 */
function lost(name: string, situation: string, directions: readonly Direction[]): Scenario {
  return {
    name,
    situation,
    duplicates: 'possible',
    async run(stage) {
      const heartbeatSeconds = stage.isLong ? 10 : 1;
      const traffic = await stage.traffic({ perSecond: stage.isLong ? 100 : 500, connect: { heartbeatSeconds } });
      stage.proxy.refuse();
      for (const direction of directions) stage.proxy.swallow(direction);
      const noticedMs = await traffic.goesDown(heartbeatSeconds * 3_000 + 1_000);
      await eventually(() => assert.equal(stage.sockets.connected, 0, 'a half-open socket is left'), 1_000);
      await pause(stage.isLong ? 60_000 - noticedMs : 0);
      stage.proxy.heal();
      await traffic.recovers();
      assert.equal(stage.sockets.connected, 4);
      return within(await traffic.finish(), { firstPublishedMs: 4_000, firstHandledMs: 4_000 });
    },
  };
}

/** Without `waitMs`, the first attempt decides. */
async function givesUp(stage: Stage, connectTimeoutMs: number): Promise<void> {
  const url = stage.vhost.url(stage.proxy.port);
  const tooLate = pause(connectTimeoutMs + 1_000).then(() => assert.fail('it is not told in time'));
  const connecting = connect({ url, connectTimeoutMs, log: stage.log });
  await assert.rejects(Promise.race([connecting, tooLate]), (error) =>
    isSurehopError(error, 'SUREHOP_CONNECT_TIMEOUT'),
  );
  await eventually(() => assert.equal(stage.sockets.connected, 0, 'a socket is left'), 1_000);
}
