import { type ExchangeContract, type HeaderTable, type QueueContract, SurehopError } from '@surehop/core';
import {
  boolean,
  checkOutgoing,
  integer,
  invalid,
  kindOf,
  knownKeys,
  nonEmptyString,
  systemEffects,
} from '@surehop/core/internal';
import type { ContractProperties } from '@surehop/publisher';
import { type Contract, checkBody, destinationOf, encodeBody } from '@surehop/publisher/internal';
import { checkMigrations } from './migrations.ts';
import { outboxStatements } from './outbox-statements.ts';
import type { Queryable } from './queryable.ts';
import { defaultSchema } from './schema-name.ts';
import { callersError, sqlStateOf, unusableTransaction } from './sql-state.ts';
import { headersText } from './stored-message.ts';

export interface OutboxOptions {
  /**
   * The schema of the tables: letters, digits and `_`.
   * @default 'surehop'
   */
  readonly schema?: string;
  /**
   * Largest body, in bytes; a larger one is refused before it is stored. The same as the relay's publisher has.
   * @default 16_777_216 (16 MiB)
   */
  readonly maxMessageBytes?: number;
  /**
   * Wakes the relays with NOTIFY when the transaction commits, ten times a second at most: a relay that was woken looks
   * again by itself for a while, and commits that notify wait for each other in PostgreSQL. Without it a message may wait
   * for the relay's next poll.
   * @default true
   */
  readonly notify?: boolean;
}

export interface OutboxPublishOptions {
  /**
   * Messages of one key are sent one after the other, in the order in which their transactions committed. A transaction
   * that adds to a key waits until others that did have ended. Not empty, at most 255 bytes.
   * @default none: sent in any order
   */
  readonly key?: string;
  /** As `publisher.publish` has it: required for direct and topic exchanges, not for queues. */
  readonly routingKey?: string;
  /** @default none */
  readonly headers?: HeaderTable;
  /**
   * The same for every attempt at one thing: a second message of this id is not stored. Not empty, at most 255 bytes.
   * @default a new UUIDv7
   */
  readonly messageId?: string;
  /** @default `timestamp` is now; the others are not set */
  readonly properties?: Omit<ContractProperties, 'userId'>;
}

/** What the outbox has taken. It counts once the transaction has committed. */
export interface OutboxReceipt {
  readonly messageId: string;
  /** False when a message of this id, to the same place and with the same body, was there already. */
  readonly isNew: boolean;
}

/** Writes messages into the database, in the caller's transaction. Made by {@link createOutbox}. */
export interface Outbox {
  /**
   * Stores one message in the transaction that `tx` is in: it exists exactly when the transaction commits, and a relay
   * sends it then. One statement where the transaction has written something before; otherwise it first asks whether
   * there is a transaction at all.
   *
   * @param tx runs statements in a transaction that the caller has begun; a pool does not
   * @throws {BodyInvalidError} the body does not fit the schema; the transaction is as it was
   * @throws {SurehopError} by `code`, nothing stored: SUREHOP_TRANSACTION_UNUSABLE (none was begun, it has failed or has
   *   ended), SUREHOP_MESSAGE_ID_REUSED, SUREHOP_STORE_NOT_MIGRATED, SUREHOP_OPTION_INVALID, SUREHOP_BODY_UNENCODABLE,
   *   SUREHOP_MESSAGE_TOO_LARGE, SUREHOP_HEADERS_TOO_LARGE, SUREHOP_PROPERTIES_INVALID. Any other error of the database
   *   comes as the driver has it: of a serialization failure or a deadlock the whole transaction is to be repeated
   */
  publish<In>(
    tx: Queryable,
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    body: NoInfer<In>,
    options?: OutboxPublishOptions,
  ): Promise<OutboxReceipt>;
  /** @throws {SurehopError} SUREHOP_STORE_NOT_MIGRATED, naming the migration; SUREHOP_STORE_UNAVAILABLE */
  check(db: Queryable): Promise<void>;
}

/** Of all headers together, in bytes. */
const maxHeaderBytes = 60_000;
/** A relay that was woken looks again within less, for a second: see relay.ts. In milliseconds. */
const notifyEveryMs = 100;
const defaultMaxMessageBytes = 16 * 1_024 * 1_024;
const properties = [
  'type',
  'appId',
  'correlationId',
  'replyTo',
  'priority',
  'expiration',
  'timestamp',
  'contentEncoding',
];

/** @throws {SurehopError} SUREHOP_OPTION_INVALID, naming the option */
export function createOutbox(options: OutboxOptions = {}): Outbox {
  knownKeys('createOutbox', options, ['schema', 'maxMessageBytes', 'notify']);
  const { schema = defaultSchema, maxMessageBytes = defaultMaxMessageBytes, notify = true } = options;
  integer('maxMessageBytes', maxMessageBytes, 1, 512 * 1_024 * 1_024);
  boolean('notify', notify);
  return new PostgresOutbox(schema, maxMessageBytes, notify);
}

/** A message as it is stored. */
interface Draft {
  readonly messageId: string;
  readonly key: string | undefined;
  readonly params: readonly unknown[];
}

interface Answer {
  readonly inside: boolean;
  readonly added: boolean;
}

class PostgresOutbox implements Outbox {
  readonly #schema: string;
  readonly #maxMessageBytes: number;
  readonly #notify: boolean;
  #notifiedAt = Number.NEGATIVE_INFINITY;
  readonly #statements: ReturnType<typeof outboxStatements>;

  constructor(schema: string, maxMessageBytes: number, notify: boolean) {
    this.#schema = schema;
    this.#maxMessageBytes = maxMessageBytes;
    this.#notify = notify;
    this.#statements = outboxStatements(schema, false);
  }

  async publish<In>(
    tx: Queryable,
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    body: NoInfer<In>,
    options: OutboxPublishOptions = {},
  ): Promise<OutboxReceipt> {
    if (typeof (tx as Partial<Queryable> | null | undefined)?.query !== 'function') {
      invalid(`outbox.publish needs something with query(text, params), got ${kindOf(tx)}`);
    }
    checkPublishOptions(options);
    const contract = to as Contract;
    const checked = checkBody(contract, body);
    const draft = this.#draft(contract, encodeBody(contract, body), options);
    await checked;
    try {
      return await this.#store(tx, draft);
    } catch (thrown) {
      throw callersError(thrown, `message ${draft.messageId}`, '0001-outbox');
    }
  }

  check(db: Queryable): Promise<void> {
    return checkMigrations(db, this.#schema, ['0001-outbox'], 'the outbox cannot be used');
  }

  /** Whatever could keep it from ever being sent is refused here, where somebody is there to be told. */
  #draft(contract: Contract, given: Uint8Array, options: OutboxPublishOptions): Draft {
    const { key, headers, messageId = systemEffects.newId() } = options;
    const { exchange, routingKey } = destinationOf(contract, options.routingKey);
    const content = Buffer.from(given); // the statement may wait, and the codec's bytes are the caller's
    const timestamp = options.properties?.timestamp ?? Math.floor(systemEffects.clock.epochMs() / 1_000);
    const set = { ...options.properties, contentType: contract.codec.contentType, deliveryMode: 2, timestamp };
    const message = { exchange, routingKey, content, headers, properties: { ...set, messageId } };
    const limits = { maxMessageBytes: this.#maxMessageBytes, maxHeaderBytes, username: undefined };
    const encodable = checkOutgoing(message, limits);
    const params = [messageId, key ?? null, exchange, routingKey, content, JSON.stringify(set), headersText(encodable)];
    return { messageId, key, params: [...params, this.#mayNotify()] };
  }

  #mayNotify(): boolean {
    const now = systemEffects.clock.now();
    if (!this.#notify || now - this.#notifiedAt < notifyEveryMs) return false;
    this.#notifiedAt = now;
    return true;
  }

  async #store(tx: Queryable, draft: Draft): Promise<OutboxReceipt> {
    const statement = draft.key === undefined ? this.#statements.add : this.#statements.addInOrder;
    let answer = await first<Answer>(tx, statement, [...draft.params, false]);
    if (!answer.inside) {
      await this.#assertTransaction(tx, draft.messageId);
      answer = await first<Answer>(tx, statement, [...draft.params, true]);
    }
    const { messageId } = draft;
    if (answer.added) return { messageId, isNew: true };
    const [, , exchange, routingKey, content] = draft.params;
    const there = await tx.query(this.#statements.sameMessage, [messageId, content, exchange, routingKey]);
    if ((there.rows[0] as { same: boolean } | undefined)?.same === true) return { messageId, isNew: false };
    const text = `message ${messageId} was not stored: the outbox has another message of this id`;
    throw new SurehopError('SUREHOP_MESSAGE_ID_REUSED', text, { retryable: false });
  }

  /** Outside a transaction the message would be there even if what it tells of never comes to be. */
  async #assertTransaction(tx: Queryable, messageId: string): Promise<void> {
    try {
      await tx.query('SAVEPOINT surehop_outbox');
    } catch (thrown) {
      if (sqlStateOf(thrown) !== '25P01') throw thrown;
      throw unusableTransaction(`message ${messageId}`, 'there is no transaction', thrown);
    }
    await tx.query('RELEASE SAVEPOINT surehop_outbox');
  }
}

function checkPublishOptions(given: OutboxPublishOptions): void {
  knownKeys('outbox.publish', given, ['key', 'routingKey', 'headers', 'messageId', 'properties']);
  if (given.properties !== undefined) knownKeys('properties of outbox.publish', given.properties, properties);
  for (const option of ['messageId', 'key'] as const) {
    if (given[option] !== undefined) nonEmptyString(option, given[option]);
  }
  for (const option of ['messageId', 'key', 'routingKey'] as const) {
    if (given[option]?.includes('\0')) invalid(`${option} must not contain NUL: PostgreSQL cannot store it`);
  }
  if (given.key !== undefined && Buffer.byteLength(given.key) > 255) {
    invalid('key must not be longer than 255 bytes');
  }
}

async function first<T>(tx: Queryable, text: string, params: unknown[]): Promise<T> {
  const { rows } = await tx.query(text, params);
  return rows[0] as T;
}
