import { attachBroker, eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type MailAnswer, MailService } from './mail-service.ts';
import { Program } from './program.ts';

const broker = attachBroker(inject('broker'));

describe('examples/email-worker', () => {
  let mailService: MailService;
  let vhost: Vhost;
  let proxy: FaultProxy;
  let worker: Program;
  let orderService: Program;
  let health: () => Promise<number>;
  let order: (key: string, answers?: readonly MailAnswer[]) => Promise<Response>;

  beforeAll(async () => {
    mailService = await MailService.start();
    vhost = await broker.vhost();
    proxy = await FaultProxy.start(vhost);
    worker = new Program('email-worker/main.ts', [], {
      AMQP_URL: vhost.url(proxy.port),
      PORT: '0',
      MAIL_API_URL: mailService.url,
    });
    orderService = new Program('order-service/main.ts', [], { AMQP_URL: vhost.url(), PORT: '0' });
    const workerUrl = `http://127.0.0.1:${await worker.port()}`;
    const orderUrl = `http://127.0.0.1:${await orderService.port()}`;
    health = async () => (await fetch(`${workerUrl}/health`)).status;
    order = (key, answers = [{ status: 200 }]) => {
      mailService.answer(key, answers);
      return fetch(`${orderUrl}/orders`, {
        method: 'POST',
        headers: { 'idempotency-key': key },
        body: JSON.stringify({ email: `${key}@example.com`, item: 'apple', quantity: 2 }),
      });
    };
  });
  afterAll(async () => {
    await worker[Symbol.asyncDispose]();
    await orderService[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await mailService[Symbol.asyncDispose]();
    await broker.close();
  });

  /** How many messages no consumer has settled, dead letters apart. */
  async function unsettled(): Promise<number> {
    const delays = [1_000, 10_000, 60_000, 600_000];
    const queues = ['orders', ...delays.map((delayMs) => `orders.retry.${delayMs}`)];
    const counts = await Promise.all(queues.map((queue) => vhost.messages(queue)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  test('sends one e-mail for an order that the order service has taken', async () => {
    expect((await order('fine')).status).toBe(202);
    await eventually(() => expect(mailService.mailsFor('fine')).toHaveLength(1));
    expect(mailService.mailsFor('fine')[0]).toMatchObject({
      to: 'fine@example.com',
      subject: 'Your order of 2 × apple',
    });
    await eventually(async () => expect(await unsettled()).toBe(0), 20_000);
  });

  test('tries again later what failed for a while', async () => {
    await order('flaky', [{ status: 500 }, { status: 200 }]);
    await eventually(() => expect(mailService.mailsFor('flaky')).toHaveLength(2), 10_000);
    const [first, second] = mailService.mailsFor('flaky').map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('comes back when a 429 asks for it, not when the ladder would', async () => {
    await order('busy', [{ status: 500 }, { status: 429, retryAfter: '1' }, { status: 200 }]);
    await eventually(() => expect(mailService.mailsFor('busy')).toHaveLength(3), 8_000); // the second rung alone is 10 s
    const [, second, third] = mailService.mailsFor('busy').map(({ at }) => at);
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('lays aside at once what can never succeed', async () => {
    await order('unknown-recipient', [{ status: 422 }]);
    const letter = await eventually(async () => {
      const [found] = await vhost.get('orders.dead-letter');
      if (found === undefined) throw new Error('there is no dead letter yet');
      return found;
    }, 10_000);
    expect(letter.properties.message_id).toBe('unknown-recipient');
    expect(letter.headers).toMatchObject({
      'surehop-reason': 'dead-letter',
      'surehop-error-message': 'the mail service refused it with 422',
    });
    expect(mailService.mailsFor('unknown-recipient')).toHaveLength(1);
  });

  test('is unhealthy while it cannot consume, and consumes again afterwards', async () => {
    expect(await health()).toBe(200);
    proxy.refuse();
    proxy.cut();
    await eventually(async () => expect(await health()).toBe(503));
    await order('meanwhile');
    proxy.heal();
    await eventually(async () => expect(await health()).toBe(200), 10_000);
    await eventually(() => expect(mailService.mailsFor('meanwhile')).toHaveLength(1));
  });

  test('finishes what it has in hand on SIGTERM and ends with exit code 0', async () => {
    const release = mailService.hold('last');
    await order('last');
    await eventually(() => expect(mailService.mailsFor('last')).toHaveLength(1));
    worker.kill('SIGTERM');
    await worker.line(({ msg }) => (msg === 'stopping' ? true : undefined));
    release();
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(await unsettled()).toBe(0);
    expect(mailService.mailsFor('last')).toHaveLength(1);
  });
});
