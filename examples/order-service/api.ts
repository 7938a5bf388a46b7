import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BodyInvalidError, isSurehopError, type Logger, type Publisher, type Rabbit } from '@surehop/publisher';
import { type Order, orders } from './contracts.ts';

export interface Parts {
  readonly rabbit: Rabbit;
  readonly publisher: Publisher;
  readonly log: Logger;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const largestBodyBytes = 100_000;

export function createApi(parts: Parts): Server {
  const server = createServer((request, response) => {
    void answer(request, parts)
      .catch((error: unknown): Answer => {
        parts.log.error({ err: error }, 'a request failed unexpectedly');
        return { status: 500, body: { error: 'internal error' } };
      })
      .then((answered) => send(response, answered, server.listening));
  });
  return server;
}

async function answer(request: IncomingMessage, parts: Parts): Promise<Answer> {
  const [path] = (request.url ?? '/').split('?');
  if (path === '/health' && request.method === 'GET') return health(parts);
  if (path === '/orders' && request.method === 'POST') return placeOrder(request, parts);
  return { status: 404, body: { error: 'try POST /orders or GET /health' } };
}

async function placeOrder(request: IncomingMessage, { publisher, log }: Parts): Promise<Answer> {
  // A client that got no answer sends the same key again: the order keeps its id, so that whoever handles it can tell.
  const id = request.headers['idempotency-key'] ?? randomUUID();
  if (typeof id !== 'string' || !/^[\w.:-]{1,200}$/.test(id)) {
    return { status: 400, body: { error: 'an Idempotency-Key has 1 to 200 letters, digits and . : _ -' } };
  }
  const text = await textOf(request);
  if (text === undefined) return { status: 413, body: { error: `an order has at most ${largestBodyBytes} bytes` } };
  const fields = objectIn(text);
  if (fields === undefined) return { status: 400, body: { error: 'the body must be a JSON object' } };
  try {
    const order = { ...fields, id } as Order; // to be seen: publish() checks it by the contract's schema
    await publisher.publish(orders, order, { messageId: id });
    return { status: 202, body: { id } };
  } catch (error) {
    if (error instanceof BodyInvalidError) return { status: 422, body: { error: 'no order', issues: error.issues } };
    if (!isSurehopError(error)) throw error;
    log[error.retryable ? 'warn' : 'error']({ id, err: error }, 'an order was not taken');
    // Either it is not stored, or nobody knows: with the same key it is safe to try again in both cases.
    const body = { error: 'not stored for certain; try again with this Idempotency-Key', id, code: error.code };
    return { status: 503, body, headers: { 'retry-after': '2', 'idempotency-key': id } };
  }
}

/** 200 means that an order would be taken now: connected, and the broker neither blocks publishers nor leaves them without confirms. */
function health({ rabbit }: Parts): Answer {
  const { status, links, publishers } = rabbit.health();
  const isFlowing = publishers.every(({ stalledMs }) => stalledMs < 5_000);
  const publishing = links.publish.phase === 'open' && links.publish.blocked !== true && isFlowing;
  return { status: publishing ? 200 : 503, body: { publishing, status, link: links.publish, publishers } };
}

/** Undefined when it is too long. */
async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= largestBodyBytes) chunks.push(chunk); // what is beyond is read and forgotten, so that the answer arrives
  }
  return bytes <= largestBodyBytes ? Buffer.concat(chunks).toString() : undefined;
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, body, headers }: Answer, keepAlive: boolean): void {
  // While stopping, connections are told to end with this answer: the server closes once they have.
  const ending = keepAlive ? {} : { connection: 'close' };
  response.writeHead(status, { 'content-type': 'application/json', ...ending, ...headers });
  response.end(`${JSON.stringify(body)}\n`);
}
