// Takes orders over HTTP and publishes them: POST /orders answers 202 once the broker has stored the order in a queue.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createPublisher } from '@surehop/publisher';
import { pino } from 'pino';
import { createApi } from './api.ts';

const { AMQP_URL = 'amqp://guest:guest@localhost:5672', PORT = '3000' } = process.env;
const log = pino({ name: 'order-service' });

const rabbit = await connect({ url: AMQP_URL, name: 'order-service', waitMs: 60_000, log });
const publisher = createPublisher(rabbit, { deadlineMs: 3_000 }); // a caller waits no longer than this for an answer
const server = createApi({ rabbit, publisher, log });

server.listen(Number(PORT));
await once(server, 'listening');
log.info({ port: (server.address() as AddressInfo).port }, 'listening');

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

/** No new requests, answers for those that are here, then the connection. The process ends since nothing is left to do. */
async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'stopping');
  server.close();
  setTimeout(() => server.closeAllConnections(), 10_000).unref(); // clients that take longer lose their answer
  await once(server, 'close');
  await rabbit.close();
  log.info({}, 'stopped');
}
