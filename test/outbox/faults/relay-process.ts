// A relay in a process of its own, to be killed. Its assignment is JSON; it says `ready` over IPC.
import { createRelay, postgresOutbox } from '@surehop/outbox';
import { connect } from '@surehop/publisher';
import { eventually } from '@surehop/testing';
import pg from 'pg';
import { keepingLogger } from '../../connection/lines.ts';
import { orders } from './contract.ts';
import type { Assignment } from './processes.ts';

const { amqpUrl, databaseUrl } = JSON.parse(process.argv[2] ?? '') as Assignment;
process.once('disconnect', () => process.exit(1)); // whoever started it was killed: nobody would ever end it

const pool = new pg.Pool({ connectionString: databaseUrl, application_name: 'relay' });
pool.on('error', () => {});
const rabbit = await connect({ url: amqpUrl, heartbeatSeconds: 2, waitMs: 60_000, log: keepingLogger().log });
const options = { contracts: [orders], pollMs: 200, deadlineMs: 5_000, inspectMs: 1_000 };
await eventually(() => createRelay(rabbit, postgresOutbox(pool, { batchSize: 100 }), options), 60_000);
process.send?.('ready');
