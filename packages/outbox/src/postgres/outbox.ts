import {
  type ExchangeContract,
  type HeaderTable,
  type QueueContract,
  type SequenceTicket,
  type StreamContract,
  SurehopError,
} from '@surehop/core';
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
import type { ContractProperties, DelayOptions, SequenceOption } from '@surehop/publisher';
import {
  type Contract,
  checkBody,
  checkDelay,
  checkSequence,
  type Delay,
  delayable,
  delayedAddress,
  delayOf,
  destinationOf,
  encodeBody,
  numberedHeaders,
  sequenceName,
  unnumbered,
  withoutDelay,
} from '@surehop/publisher/internal';
import { checkMigrations, type MigrationName } from './migrations.ts';
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

/**
 * A delay counts from the call, not from the commit: the relay sends the message as soon as it can, and the broker keeps it
 * for what is left. Neither with `key` nor with `sequence`: those behind it would overtake it, or wait.
 */
export interface OutboxPublishOptions extends DelayOptions {
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
  /**
   * Numbers the message, as `publisher.publish` has it. The number is taken in the transaction, so that those of a sequence
   * have no gap, and are in the order of the commits: a transaction that adds to a sequence waits until others that did have
   * ended. The relay may send them in any order.
   * @default none
   */
  readonly sequence?: SequenceOption;
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
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
    body: NoInfer<In>,
    options?: OutboxPublishOptions,
  ): Promise<OutboxReceipt>;
  /** @throws {SurehopError} SUREHOP_STORE_NOT_MIGRATED, naming the migration; SUREHOP_STORE_UNAVAILABLE */
  check(db: Queryable): Promise<void>;
}

/** Of the headers among a draft's params. */
const headersAt = 6;
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
  /** Undefined for one that is to come at once. */
  readonly delay: Delay | undefined;
  /** Undefined where it gets no number. */
  readonly sequence: SequencedDraft | undefined;
}

interface SequencedDraft {
  readonly name: string;
  /** All but the number. */
  readonly headers: HeaderTable;
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
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
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
      return await (draft.sequence === undefined
        ? this.#store(tx, draft)
        : this.#storeNumbered(tx, draft, draft.sequence));
    } catch (thrown) {
      throw callersError(thrown, `message ${draft.messageId}`, migrationFor(draft));
    }
  }

  check(db: Queryable): Promise<void> {
    return checkMigrations(db, this.#schema, ['0001-outbox', '0005-delay'], 'the outbox cannot be used');
  }

  /** Whatever could keep it from ever being sent is refused here, where somebody is there to be told. */
  #draft(contract: Contract, given: Uint8Array, options: OutboxPublishOptions): Draft {
    const { key, sequence, messageId = systemEffects.newId() } = options;
    const headers = sequence === undefined ? options.headers : { ...options.headers, ...unnumbered(sequence) };
    const { exchange, routingKey } = destinationOf(contract, options.routingKey);
    const content = Buffer.from(given); // the statement may wait, and the codec's bytes are the caller's
    const timestamp = options.properties?.timestamp ?? Math.floor(systemEffects.clock.epochMs() / 1_000);
    const set = { ...options.properties, contentType: contract.codec.contentType, deliveryMode: 2, timestamp };
    const delay = delayOf(options, systemEffects.clock);
    const address = { exchange, routingKey, headers };
    const way = delay === undefined ? address : delayedAddress(delayable(contract), routingKey, headers, delay);
    const limits = { maxMessageBytes: this.#maxMessageBytes, maxHeaderBytes, username: undefined };
    const sent = checkOutgoing({ ...way, content, properties: { ...set, messageId } }, limits);
    const encodable = delay === undefined ? sent : withoutDelay(sent);
    const params = [messageId, key ?? null, exchange, routingKey, content, JSON.stringify(set), headersText(encodable)];
    const numbered =
      sequence === undefined ? undefined : { name: sequenceName(contract, sequence), headers: encodable ?? {} };
    return { messageId, key, params: [...params, this.#mayNotify()], delay, sequence: numbered };
  }

  #mayNotify(): boolean {
    const now = systemEffects.clock.now();
    if (!this.#notify || now - this.#notifiedAt < notifyEveryMs) return false;
    this.#notifiedAt = now;
    return true;
  }

  async #store(tx: Queryable, draft: Draft): Promise<OutboxReceipt> {
    let answer = await this.#add(tx, draft, false);
    if (!answer.inside) {
      await this.#assertTransaction(tx, draft.messageId);
      answer = await this.#add(tx, draft, true);
    }
    const { messageId } = draft;
    if (answer.added) return { messageId, isNew: true };
    const [, , exchange, routingKey, content] = draft.params;
    const there = await tx.query(this.#statements.sameMessage, [messageId, content, exchange, routingKey]);
    if ((there.rows[0] as { same: boolean } | undefined)?.same === true) return { messageId, isNew: false };
    const text = `message ${messageId} was not stored: the outbox has another message of this id`;
    throw new SurehopError('SUREHOP_MESSAGE_ID_REUSED', text, { retryable: false });
  }

  /** @param isInside a transaction: otherwise the statement looks whether there is one */
  async #add(tx: Queryable, { key, params, delay }: Draft, isInside: boolean): Promise<Answer> {
    const { add, addDelayed, addInOrder } = this.#statements;
    const given = [...params, isInside];
    const text = delay === undefined ? (key === undefined ? add : addInOrder) : addDelayed;
    if (delay !== undefined) given.push(delay.dueAt - systemEffects.clock.now());
    return (await tx.query(text, given)).rows[0] as Answer;
  }

  /** A message that is there already has its number, and so the transaction gives back the new one: it is the last. */
  async #storeNumbered(tx: Queryable, draft: Draft, { name, headers }: SequencedDraft): Promise<OutboxReceipt> {
    const ticket = await this.#takeNumber(tx, name, draft.messageId);
    const params = draft.params.with(headersAt, headersText(numberedHeaders(headers, ticket)));
    let isNew = false;
    try {
      const receipt = await this.#store(tx, { ...draft, params });
      isNew = receipt.isNew;
      return receipt;
    } finally {
      if (!isNew) await tx.query(this.#statements.giveNumberBack, [name]).catch(() => undefined);
    }
  }

  async #takeNumber(tx: Queryable, name: string, messageId: string): Promise<SequenceTicket> {
    const take = async (isInside: boolean): Promise<SequenceTicket | undefined> => {
      const { rows } = await tx.query(this.#statements.takeNumber, [name, systemEffects.newId(), isInside]);
      const [row] = rows as { readonly run: string; readonly last: string }[];
      return row && { run: row.run, number: Number(row.last) };
    };
    const ticket = await take(false);
    if (ticket !== undefined) return ticket;
    await this.#assertTransaction(tx, messageId);
    return (await take(true)) as SequenceTicket;
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
  const { delayMs, at, ...rest } = given;
  knownKeys('outbox.publish', rest, ['key', 'routingKey', 'headers', 'messageId', 'properties', 'sequence']);
  if (given.properties !== undefined) knownKeys('properties of outbox.publish', given.properties, properties);
  for (const option of ['messageId', 'key'] as const) {
    if (given[option] !== undefined) nonEmptyString(option, given[option]);
  }
  for (const option of ['messageId', 'key', 'routingKey'] as const) {
    if (given[option]?.includes('\0')) invalid(`${option} must not contain NUL: PostgreSQL cannot store it`);
  }
  if (delayMs !== undefined || at !== undefined) checkDelayed(given);
  if (given.sequence !== undefined) checkSequence(given.sequence);
  if (typeof given.sequence === 'string' && given.sequence.includes('\0')) {
    invalid('sequence must not contain NUL: PostgreSQL cannot store it');
  }
  if (given.key !== undefined && Buffer.byteLength(given.key) > 255) {
    invalid('key must not be longer than 255 bytes');
  }
}

function checkDelayed(given: OutboxPublishOptions): void {
  checkDelay(given);
  if (given.key !== undefined) invalid('key must not be given with a delay: those behind it would overtake it');
  if (given.sequence !== undefined) invalid('sequence must not be given with a delay: those behind it would wait');
}

function migrationFor({ sequence, delay }: Draft): MigrationName {
  if (sequence !== undefined) return '0004-sequence';
  return delay === undefined ? '0001-outbox' : '0005-delay';
}
