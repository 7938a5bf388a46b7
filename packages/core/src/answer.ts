import { failureHeaders } from './failure-headers.ts';
import { headerNames } from './failure-record.ts';
import { type HeaderTable, headerOf, type IncomingMessage, type OutgoingMessage } from './message.ts';

/** On a message: its publisher waits to hear what becomes of it. On an answer: what became of it. */
export const answerHeader = 'surehop-answer';
/** What {@link answerHeader} says on a message. */
export const answerWanted = 'wanted';

const maxErrorBytes = 60_000;

/** A handler's return value as bytes; undefined where it returned nothing. */
export type AnswerBody = { readonly content: Uint8Array; readonly contentType: string } | undefined;

/** What an answer tells. */
export type Answer =
  | { readonly kind: 'handled'; readonly body: AnswerBody }
  /** It was handled, and what the handler returned cannot be sent. */
  | { readonly kind: 'unencodable'; readonly why: string }
  | {
      readonly kind: 'dead-lettered';
      /** Where it failed. */
      readonly queue: string;
      readonly reason: string;
      readonly attempts: number;
      readonly name: string;
      readonly message: string;
      readonly code: string | undefined;
    };

/** A message that was laid aside, and why. */
export interface Death {
  readonly queue: string;
  readonly reason: string;
  readonly failedAttempts: number;
  /** What the handler, the codec or the schema threw. */
  readonly error: unknown;
}

/** Whether whoever published a message waits for an answer: only our header says so, since `reply_to` is everybody's. */
export function wantsAnswer(message: Pick<IncomingMessage, 'properties' | 'headers' | 'encodedHeaders'>): boolean {
  return headerOf(message, answerHeader) === answerWanted && Boolean(message.properties.replyTo);
}

/** The answer to a message that was handled. */
export function handledAnswer(request: IncomingMessage, messageId: string, body: AnswerBody): OutgoingMessage {
  return answerTo(request, messageId, { [answerHeader]: 'handled' }, body);
}

/** The answer to a message that was handled, where what the handler returned cannot be sent. */
export function unencodableAnswer(request: IncomingMessage, messageId: string, error: Error): OutgoingMessage {
  return answerTo(request, messageId, { [answerHeader]: 'unencodable', ...errorHeaders('', 0, error) });
}

/** The answer to a message that was laid aside. No stack: whoever waits for it may be a stranger. */
export function deadLetteredAnswer(request: IncomingMessage, messageId: string, death: Death): OutgoingMessage {
  const { queue, reason, failedAttempts, error } = death;
  const errors = errorHeaders(queue, failedAttempts, error);
  return answerTo(request, messageId, {
    [answerHeader]: 'dead-lettered',
    [headerNames.reason]: reason,
    [headerNames.queue]: queue,
    [headerNames.attempt]: failedAttempts,
    ...errors,
  });
}

/** Whose answer it is: the message id of what it answers. */
export function answeredId({ properties }: Pick<IncomingMessage, 'properties'>): string | undefined {
  return properties.correlationId;
}

/** What an answer tells; undefined for a message that is none. Foreign: anybody may write to a reply queue. */
export function readAnswer({ properties, headers, content }: IncomingMessage): Answer | undefined {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const message = text(headerNames.errorMessage) ?? '';
  switch (headers[answerHeader]) {
    case 'handled': {
      const { contentType } = properties;
      return { kind: 'handled', body: contentType === undefined ? undefined : { content, contentType } };
    }
    case 'unencodable':
      return { kind: 'unencodable', why: message };
    case 'dead-lettered': {
      const attempts = headers[headerNames.attempt];
      return {
        kind: 'dead-lettered',
        queue: text(headerNames.queue) ?? '',
        reason: text(headerNames.reason) ?? 'failed',
        attempts: typeof attempts === 'number' ? attempts : 0,
        name: text(headerNames.errorName) ?? 'Error',
        message,
        code: text(headerNames.errorCode),
      };
    }
    default:
      return undefined;
  }
}

/** Kept through a restart of the broker, as what it answers is. Through the default exchange, by the queue's name. */
function answerTo(
  { properties }: IncomingMessage,
  messageId: string,
  headers: HeaderTable,
  body?: AnswerBody,
): OutgoingMessage {
  const { replyTo = '', messageId: requestId, correlationId = '' } = properties;
  return {
    exchange: '',
    routingKey: replyTo,
    // So that it is known when nobody is there any more.
    mandatory: true,
    content: body?.content ?? nothing,
    properties: {
      messageId,
      correlationId: requestId || correlationId,
      deliveryMode: 2,
      ...(body !== undefined && { contentType: body.contentType }),
    },
    headers,
  };
}

const nothing = new Uint8Array(0);

/** The error's, cut as on a dead letter. */
function errorHeaders(queue: string, failedAttempts: number, error: unknown): HeaderTable {
  const rest = { headers: {}, properties: {}, failedAt: 0, consumer: '', exchange: '', routingKey: '' };
  const all = failureHeaders({ ...rest, queue, failedAttempts, error, limitBytes: maxErrorBytes }) ?? {};
  const { errorName, errorMessage, errorCode } = headerNames;
  const code = all[errorCode];
  return {
    [errorName]: all[errorName],
    [errorMessage]: all[errorMessage],
    ...(code !== undefined && { [errorCode]: code }),
  };
}
