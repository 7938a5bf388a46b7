// Takes orders over HTTP: POST /orders answers 202 once the order and its message are in the database. The broker may be away.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createOutbox, createRelay, postgresOutbox, type Rabbit, type Relay } from '@surehop/outbox';
import { pino } from 'pino';
import { createApi } from './api.ts';
import { orders } from './contracts.ts';
import { openDatabase } from './database.ts';

const {
  AMQP_URL = 'amqp://guest:guest@localhost:5672',
  DATABASE_URL = 'postgresql://postgres:postgres@localhost:5432/postgres',
  PORT = '3000',
} = process.env;
const log = pino({ name: 'outbox-service' });

const pool = await openDatabase(DATABASE_URL, 20, log);
let rabbit: Rabbit | undefined;
let relay: Relay | undefined;
const server = createApi({ pool, outbox: createOutbox(), log, relayHealth: () => relay?.health() });
server.listen(Number(PORT));
await once(server, 'listening');
log.info({ port: (server.address() as AddressInfo).port }, 'listening');

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

// Orders are taken from now on; they are sent as soon as there is a broker. Any number of services may run a relay.
rabbit = await connect({ url: AMQP_URL, name: 'outbox-service', waitMs: 2 ** 31 - 1, log });
relay = await createRelay(rabbit, postgresOutbox(pool), { contracts: [orders] });
log.info({}, 'relaying');

async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'stopping');
  server.close();
  setTimeout(() => server.closeAllConnections(), 10_000).unref(); // clients that take longer lose their answer
  await once(server, 'close');
  await rabbit?.close(); // the relay with it: what it has not sent stays in the outbox
  await pool.end();
  log.info({}, 'stopped');
  process.exit(); // it may have been waiting for a broker
}
