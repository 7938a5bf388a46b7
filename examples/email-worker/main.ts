// Sends one e-mail per order. What fails for a while is tried again later, what fails for good goes to orders.dead-letter.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createConsumer } from '@surehop/consumer';
import { pino } from 'pino';
import { orders } from './contracts.ts';
import { confirmOrder } from './email.ts';
import { createHealth } from './health.ts';

const { AMQP_URL = 'amqp://guest:guest@localhost:5672', PORT = '3001', MAIL_API_URL } = process.env;
const log = pino({ name: 'email-worker' });

const rabbit = await connect({ url: AMQP_URL, name: 'email-worker', waitMs: 60_000, log });
await createConsumer(rabbit, orders, (message) => confirmOrder(message, MAIL_API_URL), {
  concurrency: 20,
  handlerTimeoutMs: 30_000,
});

const server = createHealth(rabbit);
server.listen(Number(PORT));
await once(server, 'listening');
log.info({ port: (server.address() as AddressInfo).port }, 'listening');

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

/** Takes no more orders, finishes those in hand, then closes the connection. The process ends since nothing is left to do. */
async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'stopping');
  await rabbit.close();
  server.close();
  log.info({}, 'stopped');
}
