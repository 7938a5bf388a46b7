import assert from 'node:assert/strict';
import { type Broker, eventually, FaultProxy, type Postgres, type Vhost } from '@surehop/testing';
import { History, type Report } from '../../faults/history.ts';
import { openStore, poolOf, type Store } from '../stage.ts';
import { Child } from './processes.ts';
import { Writer } from './writer.ts';

const settleMs = 120_000;
/** A transaction has a number once it has locked a row. */
const holdingLocks = "application_name = 'relay' AND state = 'idle in transaction' AND backend_xid IS NOT NULL";

/** What a scenario has to itself: broker and database, writers, and processes between them that can be killed. */
export class Stage implements AsyncDisposable {
  readonly broker: Broker;
  readonly postgres: Postgres;
  readonly vhost: Vhost;
  readonly store: Store;
  /** The form that takes its time. */
  readonly isLong: boolean;
  readonly history = new History();
  readonly #owned: AsyncDisposable[] = [];
  #writer: Writer | undefined;

  static async open(broker: Broker, postgres: Postgres, isLong: boolean): Promise<Stage> {
    const vhost = await broker.vhost();
    const store = await openStore(postgres, { application_name: 'looker-on' });
    await store.rows('CREATE TABLE purchase (id text PRIMARY KEY)');
    await store.rows('CREATE TABLE effect (number bigserial PRIMARY KEY, id text NOT NULL)');
    return new Stage(broker, postgres, vhost, store, isLong);
  }

  private constructor(broker: Broker, postgres: Postgres, vhost: Vhost, store: Store, isLong: boolean) {
    this.broker = broker;
    this.postgres = postgres;
    this.vhost = vhost;
    this.store = store;
    this.isLong = isLong;
  }

  /** Transactions begun. */
  get messages(): number {
    return this.#writer?.begun ?? 0;
  }

  /** Begins to write. */
  write(options: { readonly perSecond?: number; readonly keys?: number } = {}): Writer {
    const { perSecond = this.isLong ? 400 : 200, keys = 20 } = options;
    const pool = poolOf(this.store.database, { max: 20, connectionTimeoutMillis: 5_000 });
    this.own({ [Symbol.asyncDispose]: () => pool.end() });
    this.#writer = new Writer({ pool, history: this.history, perSecond, keys });
    this.#writer.start();
    return this.#writer;
  }

  relay(): Promise<ProxiedRelay> {
    return ProxiedRelay.start(this);
  }

  async worker(concurrency = 10): Promise<Child> {
    const assignment = { amqpUrl: this.vhost.url(), databaseUrl: this.store.database.url(), concurrency };
    return this.own(await Child.start('worker', assignment));
  }

  own<T extends AsyncDisposable>(thing: T): T {
    this.#owned.push(thing);
    return thing;
  }

  /** Until so many more transactions were begun. */
  async more(count: number): Promise<void> {
    const until = this.messages + count;
    await eventually(() => assert.ok(this.messages >= until, 'too little is written'), settleMs);
  }

  async count(text: string): Promise<number> {
    const [row] = await this.store.rows<{ count: number }>(`SELECT count(*)::int AS count ${text}`);
    return row?.count ?? 0;
  }

  /** Whether a relay holds messages locked. */
  isTaking(): Promise<boolean> {
    return this.count(`FROM pg_stat_activity WHERE ${holdingLocks}`).then((count) => count > 0);
  }

  /** By the database's clock. */
  async now(): Promise<string> {
    const [row] = await this.store.rows<{ now: string }>('SELECT clock_timestamp()::text AS now');
    return row?.now ?? '';
  }

  /** Whether a relay has taken messages after that moment, and less than 200 ms ago. */
  hasJustTaken(since: string): Promise<boolean> {
    const where = `FROM pg_stat_activity WHERE ${holdingLocks} AND xact_start > '${since}' AND clock_timestamp() - xact_start < interval '200 ms'`;
    return this.count(where).then((count) => count > 0);
  }

  /** How many messages have had their effect already, and are not marked as sent. */
  sentAndNotMarked(): Promise<number> {
    return this.count('FROM effect JOIN surehop.outbox ON message_id = id WHERE sent_at IS NULL');
  }

  /** Stops writing, waits until everything has come to rest, and says what became of every message. */
  async finish(): Promise<Report> {
    await this.#writer?.stop();
    await eventually(async () => {
      assert.equal(await this.count('FROM surehop.outbox WHERE sent_at IS NULL'), 0, 'messages wait in the outbox');
    }, settleMs);
    const queues = [
      'orders',
      ...[100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000].map((ms) => `orders.retry.${ms}`),
    ];
    await eventually(async () => {
      for (const queue of queues) assert.equal(await this.vhost.messages(queue), 0, `messages wait in ${queue}`);
    }, settleMs);
    for (const { id } of await this.store.rows<{ id: string }>('SELECT id FROM effect')) {
      this.history.add({ kind: 'handled', id, at: performance.now() });
    }
    for (const id of await this.vhost.messageIds('orders.dead-letter')) {
      this.history.add({ kind: 'dead-lettered', id, at: performance.now() });
    }
    return this.history.report([]);
  }

  /** Of each key, effects came in the order of its messages. For one worker that handles one message at a time. */
  async assertOrder(keys: number): Promise<void> {
    const wrong = await this.count(`FROM (
        SELECT o.position, lag(o.position) OVER (PARTITION BY e.id::int % ${keys} ORDER BY e.number) AS before
        FROM effect e JOIN surehop.outbox o ON o.message_id = e.id
      ) AS pairs WHERE before > position`);
    assert.equal(wrong, 0, `${wrong} messages came before an older one of their key`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer?.stop();
    for (const thing of this.#owned.toReversed()) await thing[Symbol.asyncDispose]();
    await this.vhost.close();
    await this.store[Symbol.asyncDispose]();
  }
}

/** A relay behind proxies of its own, so that what it does can be held up at any step. */
export class ProxiedRelay {
  readonly broker: FaultProxy;
  readonly database: FaultProxy;
  readonly child: Child;

  static async start(stage: Stage): Promise<ProxiedRelay> {
    const broker = stage.own(await FaultProxy.start(stage.vhost));
    const database = stage.own(await FaultProxy.start(stage.store.database));
    const amqpUrl = stage.vhost.url(broker.port);
    const databaseUrl = stage.store.database.url(database.port);
    const child = stage.own(await Child.start('relay', { amqpUrl, databaseUrl, concurrency: 0 }));
    return new ProxiedRelay(broker, database, child);
  }

  private constructor(broker: FaultProxy, database: FaultProxy, child: Child) {
    this.broker = broker;
    this.database = database;
    this.child = child;
  }

  /** With SIGKILL; nothing of what was held up gets through any more. */
  async kill(): Promise<void> {
    await this.child.kill();
    await this.broker.close();
    await this.database.close();
  }
}
