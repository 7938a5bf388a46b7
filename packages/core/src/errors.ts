/** Every code the SDK can throw. Each has a section of the same name in `docs/errors.md`; a test checks that. */
export const errorCodes = [
  'SUREHOP_OPTION_INVALID',
  'SUREHOP_CONTRACT_INVALID',
  'SUREHOP_CONNECT_TIMEOUT',
  'SUREHOP_CONNECT_UNREACHABLE',
  'SUREHOP_HOST_UNRESOLVED',
  'SUREHOP_TLS_UNTRUSTED',
  'SUREHOP_LOGIN_REFUSED',
  'SUREHOP_VHOST_REFUSED',
  'SUREHOP_ACCESS_REFUSED',
  'SUREHOP_TOPOLOGY_MISMATCH',
  'SUREHOP_BROKER_TOO_OLD',
  'SUREHOP_CONNECTION_CLOSED',
  'SUREHOP_CLOSED',
  'SUREHOP_BODY_INVALID',
  'SUREHOP_BODY_UNENCODABLE',
  'SUREHOP_KEY_INVALID',
  'SUREHOP_MESSAGE_TOO_LARGE',
  'SUREHOP_HEADERS_TOO_LARGE',
  'SUREHOP_PROPERTIES_INVALID',
  'SUREHOP_EXCHANGE_NOT_FOUND',
  'SUREHOP_UNROUTABLE',
  'SUREHOP_REFUSED',
  'SUREHOP_PUBLISHER_FULL',
  'SUREHOP_PUBLISH_NOT_SENT',
  'SUREHOP_PUBLISH_UNKNOWN',
  'SUREHOP_PUBLISH_INCOMPLETE',
  'SUREHOP_HANDLER_TIMEOUT',
  'SUREHOP_SEQUENCE_MISSING',
  'SUREHOP_SEQUENCE_PASSED',
  'SUREHOP_CLOSE_TIMEOUT',
  // two-way confirmation
  'SUREHOP_DEAD_LETTERED',
  'SUREHOP_NO_ANSWER',
  'SUREHOP_ANSWER_UNREADABLE',
  // streams
  'SUREHOP_STREAM_OFFSET_GONE',
  // spool
  'SUREHOP_SPOOL_LOCKED',
  'SUREHOP_SPOOL_UNUSABLE',
  'SUREHOP_SPOOL_WRITE_FAILED',
  'SUREHOP_SPOOL_FULL',
  'SUREHOP_SPOOL_EXPIRED',
  'SUREHOP_SPOOL_DAMAGED',
  // outbox and inbox
  'SUREHOP_STORE_NOT_MIGRATED',
  'SUREHOP_STORE_UNAVAILABLE',
  'SUREHOP_POOL_EXHAUSTED',
  'SUREHOP_TRANSACTION_UNUSABLE',
  'SUREHOP_MESSAGE_ID_REUSED',
  'SUREHOP_MESSAGE_ID_MISSING',
  'SUREHOP_CLOCK_JUMPED',
  // dead letters
  'SUREHOP_QUEUE_NOT_FOUND',
  'SUREHOP_FILTER_INVALID',
  'SUREHOP_LOOKING_COUNTS',
  'SUREHOP_AUDIT_FAILED',
  'SUREHOP_FILE_UNUSABLE',
  'SUREHOP_IMPORT_MISMATCH',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface SurehopErrorOptions {
  /** True when the same call, unchanged, may succeed later. */
  readonly retryable: boolean;
  readonly cause?: unknown;
}

/** Every error this SDK creates. Branch on `code`; `message` is for people and may change. */
export class SurehopError extends Error {
  override readonly name: string = 'SurehopError';
  readonly code: ErrorCode;
  /** True when the same call, unchanged, may succeed later. */
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: SurehopErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
  }
}

/** How an entity differs from what was wanted; without an argument, it is missing. */
export interface TopologyDifference {
  readonly argument?: string | undefined;
  readonly wanted?: string | undefined;
  readonly found?: string | undefined;
  /** What to do. Default: arguments cannot be changed in place */
  readonly advice?: string | undefined;
}

/** An entity exists with other arguments, or is missing where it should only be verified. */
export class TopologyMismatchError extends SurehopError {
  override readonly name = 'TopologyMismatchError';
  /** Kind and name, for example `queue "orders"`. */
  readonly entity: string;
  /** The argument that differs, for example `x-message-ttl`; undefined when the entity is missing. */
  readonly argument: string | undefined;
  readonly wanted: string | undefined;
  readonly found: string | undefined;

  constructor(entity: string, difference: TopologyDifference, options: { cause: unknown }) {
    const { argument, wanted, found } = difference;
    super('SUREHOP_TOPOLOGY_MISMATCH', `${mismatchText(entity, difference)}; nothing was changed`, {
      retryable: false,
      ...options,
    });
    this.entity = entity;
    this.argument = argument;
    this.wanted = wanted;
    this.found = found;
  }
}

const inPlace = 'it cannot be changed in place: see docs/topology.md on migrations';

function mismatchText(entity: string, difference: TopologyDifference): string {
  const { argument, wanted = '(none)', found = '(unknown)', advice = inPlace } = difference;
  if (argument === undefined) return `${entity} does not exist`;
  return `${entity} exists with ${argument} ${found}, wanted ${wanted}; ${advice}`;
}

/** No queue took the message: it is not stored. */
export class UnroutableError extends SurehopError {
  override readonly name = 'UnroutableError';
  readonly messageId: string;
  readonly replyCode: number;
  readonly replyText: string;

  constructor(messageId: string, to: string, reply: { code: number; text: string }) {
    super(
      'SUREHOP_UNROUTABLE',
      `message ${messageId} to ${to} was not stored: no queue took it (${reply.code} ${reply.text})`,
      {
        retryable: false,
      },
    );
    this.messageId = messageId;
    this.replyCode = reply.code;
    this.replyText = reply.text;
  }
}

/** A queue refused the message (it is full or unavailable) and has not stored it. Behind an exchange, other queues may have. */
export class RefusedError extends SurehopError {
  override readonly name = 'RefusedError';
  readonly messageId: string;

  constructor(messageId: string, to: string) {
    super(
      'SUREHOP_REFUSED',
      `message ${messageId} to ${to} was refused and is not stored there: a queue is full or unavailable. ` +
        'Of several queues behind an exchange, others may have it',
      { retryable: true },
    );
    this.messageId = messageId;
  }
}

/** The message was never written to a connection: it is certainly not stored. */
export class NotSentError extends SurehopError {
  override readonly name = 'NotSentError';
  readonly messageId: string;

  constructor(messageId: string, why: string, options: { cause?: unknown } = {}) {
    super('SUREHOP_PUBLISH_NOT_SENT', `message ${messageId} was not sent and is not stored: ${why}`, {
      retryable: true,
      ...options,
    });
    this.messageId = messageId;
  }
}

/** The message was written at least once and never answered: the broker may have it. */
export class UnknownOutcomeError extends SurehopError {
  override readonly name = 'UnknownOutcomeError';
  readonly messageId: string;

  constructor(messageId: string, why: string, options: { cause?: unknown } = {}) {
    super(
      'SUREHOP_PUBLISH_UNKNOWN',
      `message ${messageId} was written but not confirmed (${why}); it may be stored. Publishing it again under the same id may make a duplicate`,
      { retryable: true, ...options },
    );
    this.messageId = messageId;
  }
}

/** One of many messages that is not stored, or may not be: `error` says which, as that of a single publish. */
export interface PublishFailure {
  /** Of its body, from 0. */
  readonly index: number;
  readonly error: unknown;
}

/** How far `publishMany` came. */
export interface PublishManyOutcome {
  /** Messages that are stored. */
  readonly stored: number;
  /** Bodies that were taken: those from this index on were not, and are not stored. */
  readonly started: number;
  /** Of those that were taken, each that is not known to be stored. */
  readonly failures: readonly PublishFailure[];
}

/** Not all of many messages are stored. */
export class PublishManyError extends SurehopError implements PublishManyOutcome {
  override readonly name = 'PublishManyError';
  readonly stored: number;
  readonly started: number;
  readonly failures: readonly PublishFailure[];

  /** @param stopped why further bodies were not taken; undefined when all were */
  constructor(outcome: PublishManyOutcome, stopped: string | undefined, options: { cause?: unknown } = {}) {
    const { stored, started, failures } = outcome;
    const [first] = failures;
    const parts = [
      `of ${started} messages that were begun ${stored} are stored and ${failures.length} failed`,
      ...(first === undefined ? [] : [`the first one at index ${first.index}: ${asError(first.error).message}`]),
      ...(stopped === undefined ? [] : [`${stopped}: bodies from index ${started} on were not taken`]),
    ];
    const retryable = failures.every(({ error }) => isSurehopError(error) && error.retryable);
    super('SUREHOP_PUBLISH_INCOMPLETE', parts.join('; '), { retryable, cause: options.cause ?? first?.error });
    this.stored = stored;
    this.started = started;
    this.failures = failures;
  }
}

/** Where a reader was to go on in a stream is not there any more, or the stream is another one. */
export class StreamOffsetGoneError extends SurehopError {
  override readonly name = 'StreamOffsetGoneError';
  readonly stream: string;
  /** The first offset that the reader needs. */
  readonly wantedOffset: number;
  /** The first one that the stream has; undefined when it has none, or none that is known. */
  readonly firstOffset: number | undefined;
  /** The last one that it has, where it was looked for. */
  readonly lastOffset: number | undefined;

  constructor(stream: string, wantedOffset: number, firstOffset: number | undefined, lastOffset?: number) {
    const isOld = firstOffset !== undefined && firstOffset > wantedOffset;
    const last = lastOffset === undefined || isOld ? '' : `, the last one ${lastOffset}`;
    const found = firstOffset === undefined ? 'it is empty' : `the first one that exists is ${firstOffset}${last}`;
    const why = isOld
      ? `what lies before was removed by the limits of the stream`
      : 'the stream ends before it: it was deleted and made again, or lost its end, or never had it';
    const advice = isOld
      ? "begin elsewhere with whenGone: 'first', 'last' or 'next'"
      : 'begin elsewhere with another "from", under another name or with no position in the store';
    super(
      'SUREHOP_STREAM_OFFSET_GONE',
      `stream "${stream}" has no offset ${wantedOffset}: ${found}; ${why}. Nothing was skipped: ${advice}`,
      { retryable: false },
    );
    this.stream = stream;
    this.wantedOffset = wantedOffset;
    this.firstOffset = firstOffset;
    this.lastOffset = lastOffset;
  }
}

/** Where a body breaks its schema. */
export interface BodyIssue {
  /** For example `items[0].price`; empty for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** The body does not fit the contract's schema. */
export class BodyInvalidError extends SurehopError {
  override readonly name = 'BodyInvalidError';
  readonly issues: readonly BodyIssue[];

  constructor(what: string, issues: readonly BodyIssue[], options: { cause?: unknown } = {}) {
    const list = issues.slice(0, 5).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    super('SUREHOP_BODY_INVALID', `${what} does not fit its schema: ${list.join('; ')}`, {
      retryable: false,
      ...options,
    });
    this.issues = issues;
  }
}

/** Works across two installed copies of the package, where `instanceof SurehopError` does not. */
export function isSurehopError(value: unknown, code?: ErrorCode): value is SurehopError {
  if (!(value instanceof Error) || !('code' in value)) return false;
  return code === undefined ? errorCodes.includes(value.code as ErrorCode) : value.code === code;
}

/** Any thrown value as an `Error`; what was no error is kept as the cause. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  let text: string;
  try {
    text = typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown));
  } catch {
    text = Object.prototype.toString.call(thrown);
  }
  return new Error(text, { cause: thrown });
}
