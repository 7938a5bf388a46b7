import { randomInt } from 'node:crypto';
import { setTimeout as passed } from 'node:timers/promises';
import { attachBroker, attachPostgres, type Database, eventually, type Vhost } from '@surehop/testing';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { openDatabase } from '../../examples/outbox-service/database.ts';
import { Program } from './program.ts';

const broker = attachBroker(inject('broker'));
const postgres = attachPostgres(inject('postgres'));
/** 10,000 in the long form. */
const orderCount = Number(process.env.SUREHOP_ORDERS ?? 600);
const limitMs = 60_000 + 60 * orderCount;

describe('examples/outbox-service', () => {
  let vhost: Vhost;
  let database: Database;
  let pool: pg.Pool;
  const programs: Program[] = [];

  beforeEach(async () => {
    vhost = await broker.vhost();
    database = await postgres.database();
    pool = new pg.Pool({ connectionString: database.url() });
  });
  afterEach(async () => {
    for (const program of programs.splice(0)) await program[Symbol.asyncDispose]();
    await pool.end();
    await database.close();
    await vhost.close();
  });

  function start(name: 'service' | 'worker'): Program {
    const env = { AMQP_URL: vhost.url(), DATABASE_URL: database.url(), PORT: '0' };
    const program = new Program(`outbox-service/${name}.ts`, [], env);
    programs.push(program);
    return program;
  }

  async function serviceAt(program: Program): Promise<string> {
    return `http://127.0.0.1:${await program.port()}`;
  }

  function post(
    url: string,
    id: string,
    body: unknown = { item: `item ${Number(id) % 7}`, quantity: 1 },
  ): Promise<Response> {
    return fetch(`${url}/orders`, { method: 'POST', headers: { 'idempotency-key': id }, body: JSON.stringify(body) });
  }

  async function shipments(): Promise<Map<string, number>> {
    const { rows } = await pool.query('SELECT order_id, count(*)::int AS count FROM shipment GROUP BY order_id');
    return new Map(rows.map(({ order_id, count }) => [order_id as string, count as number]));
  }

  test('ships an order once, however often it is posted, and refuses what is no order', async () => {
    const [service, worker] = [start('service'), start('worker')];
    const url = await serviceAt(service);
    for (const times of [1, 2]) expect((await post(url, '1')).status, `time ${times}`).toBe(202);
    expect((await post(url, '2', { item: 'lamp' })).status).toBe(422);
    expect((await post(url, '3', [])).status).toBe(400);
    await eventually(async () => expect(await shipments()).toEqual(new Map([['1', 1]])), 20_000);
    expect((await pool.query('SELECT id FROM purchase')).rows).toEqual([{ id: '1' }]);
    for (const program of [service, worker]) program.kill('SIGTERM');
    const ends = [await service.end(), await worker.end()];
    const said = [service, worker].map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(ends, said).toEqual([0, 0].map((code) => ({ code, signal: null })));
  });

  test('of services that start at once on an empty database, each finds its tables', async () => {
    for (let round = 1; round <= 10; round += 1) {
      const pools = await Promise.all(Array.from({ length: 8 }, () => openDatabase(database.url(), 1)));
      for (const opened of pools) await opened.end();
      await pool.query('DROP TABLE purchase, shipment');
    }
  });

  test(
    `service and worker are killed while ${orderCount} orders come in: each has its effect exactly once`,
    async () => {
      let service = start('service');
      let url = await serviceAt(service);
      let worker = start('worker');
      await worker.line(({ msg }) => msg === 'working' || undefined);
      let next = 0;
      let isOver = false;
      /** As a client does it: the same order again until there is an answer. */
      const client = async (): Promise<void> => {
        while (next < orderCount) {
          next += 1;
          const id = String(next);
          await eventually(async () => expect((await post(url, id)).status).toBe(202), limitMs);
        }
      };
      const killing = async (): Promise<number> => {
        let kills = 0;
        for (; !isOver; kills += 1) {
          await passed(randomInt(100, 1_000));
          if (kills % 2 === 0) {
            service.kill('SIGKILL');
            service = start('service');
            url = await serviceAt(service);
          } else {
            worker.kill('SIGKILL');
            worker = start('worker');
          }
        }
        return kills;
      };
      const kills = killing();
      await Promise.all(Array.from({ length: 8 }, client));
      isOver = true;
      expect(await kills).toBeGreaterThan(1);
      const wanted = new Map(Array.from({ length: orderCount }, (_, index) => [String(index + 1), 1]));
      await eventually(async () => expect(await shipments()).toEqual(wanted), limitMs);
      await eventually(async () => expect(await vhost.messages('orders-to-ship')).toBe(0), 20_000);
      expect(await shipments()).toEqual(wanted);
    },
    limitMs,
  );
});
