import { connect } from '@surehop/core';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { keepingLogger } from './lines.ts';

const broker = attachBroker(inject('broker'));
let vhost: Awaited<ReturnType<typeof broker.vhost>>;
beforeAll(async () => {
  vhost = await broker.vhost();
});
afterAll(() => broker.close());

test('[credentials] a password that was changed before its time is asked for again once the old one is refused', async () => {
  const user = await vhost.addUser('service', 'one', { read: '.*' });
  await using proxy = await FaultProxy.start(vhost);
  const username = new URL(user.url()).username;
  let password = 'one';
  let calls = 0;
  const credentials = async () => {
    calls += 1;
    return { username, password, expiresInMs: 3_600_000 };
  };
  const { log, lines } = keepingLogger();
  const url = vhost.url(proxy.port);
  await using rabbit = await connect({ url, credentials, reconnectMaxDelayMs: 100, refusedMaxDelayMs: 1_000, log });
  expect(calls).toBe(1);
  await vhost.addUser('service', 'two', { read: '.*' }); // the same user, with another password
  password = 'two';
  proxy.cut();
  await eventually(() => expect(rabbit.state).toMatchObject({ phase: 'open', generation: 2 }), 10_000);
  expect(lines.some(({ fields }) => fields.code === 'SUREHOP_LOGIN_REFUSED')).toBe(true);
});
