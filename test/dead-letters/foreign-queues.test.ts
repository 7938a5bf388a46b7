import { connect, type DeadLettersOptions, defineQueue, openDeadLetters } from '@surehop/dead-letters';
import { attachBroker } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { type Stage, stage } from '../consuming/stage.ts';
import { deadLettersIn, drain, fillQueue, idsOf, numbers, quiet } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const [major = 0, minor = 0] = broker.version.split('.').map(Number);
const costsNothing = major > 4 || (major === 4 && minor >= 3);
const isLimited = major === 4 && !costsNothing;

const classic = { 'x-queue-type': 'classic' };
const quorum = { 'x-queue-type': 'quorum' };
/** Before 4.3 no queue but a limited one can be declared so: 3.10 takes it for 0. */
const unlimited = major < 4 ? quorum : { ...quorum, 'x-delivery-limit': -1 };

/** With what an administrator of the management API may ask. */
function withManagement({ vhost }: Stage) {
  const { username, password } = vhost.credentials;
  const managementUrl = vhost.managementUrl.replace('//', `//${username}:${password}@`);
  return connect({ url: vhost.url(), managementUrl, log: keepingLogger().log });
}

describe.each([
  ['a classic queue', classic],
  ['a quorum queue without a delivery limit', unlimited],
  ['a quorum queue with a high one', { ...quorum, 'x-delivery-limit': 1_000 }],
])('%s of somebody else', (_which, args) => {
  test('is looked at 30 times, wholly and in part: nothing is dropped, everything is in its place', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, 'error', { arguments: args });
    await using rabbit = await withManagement(on);
    const deadLetters = deadLettersIn(rabbit, 'error');
    for (let round = 0; round < 30; round += 1) {
      const limit = round % 2 === 0 ? 7 : 50;
      expect((await deadLetters.browse({ limit })).messages.map(({ id }) => id)).toEqual(idsOf(limit));
    }
    expect(await drain(on.vhost, 'error', 50)).toEqual(numbers(50));
  });
});

describe('a quorum queue with a low delivery limit, or the default one,', () => {
  const refused = { code: 'SUREHOP_LOOKING_COUNTS', message: expect.stringContaining('"error"') };

  test.runIf(costsNothing)('is looked at as often as anybody likes: a look costs nothing', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, 'error', { arguments: { ...quorum, 'x-delivery-limit': 2 } });
    const deadLetters = deadLettersIn(on.rabbit, 'error');
    for (let round = 0; round < 30; round += 1) expect((await deadLetters.browse()).looked).toBe(50);
    expect(await drain(on.vhost, 'error', 50)).toEqual(numbers(50));
  });

  test.runIf(isLimited)('is not looked at, unless somebody accepts what it costs: one delivery each', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, 'error', { arguments: quorum });
    await expect(deadLettersIn(on.rabbit, 'error').browse()).rejects.toMatchObject(refused);
    const accepting = deadLettersIn(on.rabbit, 'error', { acceptsDeliveryCount: true });
    const looks: unknown[] = [];
    for (let round = 0; round < 20; round += 1) {
      const { messages } = await accepting.browse({ limit: 50 });
      looks.push(messages.map(({ headers }) => Number(headers['x-delivery-count'] ?? 0)));
    }
    // None of them by the look that was refused; the 21st would drop them.
    expect(looks).toEqual(numbers(20).map((look) => Array.from({ length: 50 }, () => look - 1)));
    expect(await drain(on.vhost, 'error', 50)).toEqual(numbers(50));
  });

  test.runIf(!costsNothing)('is not looked at where the management API tells of it', async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, 'error', { arguments: quorum });
    await fillQueue(on.vhost, 'orders.dead-letter');
    await on.vhost.setPolicy('low', '.*', { 'delivery-limit': 3 });
    await using rabbit = await withManagement(on);
    for (const queue of ['error', 'orders.dead-letter']) {
      await expect
        .poll(() => deadLettersIn(rabbit, queue).browse().catch(String), { timeout: 15_000 })
        .toContain('(3)');
    }
  });
});

test.runIf(isLimited)(
  'a queue of which nobody can tell whose it is is trusted to be what a contract says',
  async () => {
    await using on = await stage(broker);
    await fillQueue(on.vhost, 'orders.dead-letter');
    const user = await on.vhost.addUser('reader', 'secret', {
      configure: '',
      write: '',
      read: '^orders[.]dead-letter$',
    });
    await using rabbit = await connect({ url: user.url(), log: keepingLogger().log });
    const options: DeadLettersOptions = quiet;
    const code = 'SUREHOP_LOOKING_COUNTS';
    await expect(openDeadLetters(rabbit, 'orders.dead-letter', options).browse()).rejects.toMatchObject({ code });
    const deadLetters = openDeadLetters(rabbit, defineQueue('orders'), options);
    expect((await deadLetters.browse()).looked).toBe(50);
  },
);
