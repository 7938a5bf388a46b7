import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BodyInvalidError, type Outbox } from '@surehop/outbox';
import type pg from 'pg';
import type { Logger } from 'pino';
import { type Order, orders } from './contracts.ts';
import { transaction } from './database.ts';

export interface Parts {
  readonly pool: pg.Pool;
  readonly outbox: Outbox;
  readonly log: Logger;
  /** What the relay says of itself, once it runs. */
  readonly relayHealth: () => object | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

const largestBodyBytes = 100_000;

export function createApi(parts: Parts): Server {
  return createServer((request, response) => {
    void answer(request, parts)
      .catch((error: unknown): Answer => {
        parts.log.error({ err: error }, 'a request failed');
        return { status: 503, body: { error: 'not stored for certain; try again with the same Idempotency-Key' } };
      })
      .then((answered) => send(response, answered));
  });
}

async function answer(request: IncomingMessage, parts: Parts): Promise<Answer> {
  if (request.url === '/health') return { status: 200, body: { relay: parts.relayHealth() ?? 'starting' } };
  if (request.url === '/orders' && request.method === 'POST') return placeOrder(request, parts);
  return { status: 404, body: { error: 'try POST /orders or GET /health' } };
}

async function placeOrder(request: IncomingMessage, { pool, outbox }: Parts): Promise<Answer> {
  const id = request.headers['idempotency-key'];
  if (typeof id !== 'string' || !/^[\w.:-]{1,200}$/.test(id)) {
    return { status: 400, body: { error: 'an Idempotency-Key has 1 to 200 letters, digits and . : _ -' } };
  }
  const fields = objectIn(await textOf(request));
  if (fields === undefined) return { status: 400, body: { error: 'the body must be a JSON object' } };
  const order = { ...fields, id } as Order; // to be seen: publish() checks it by the contract's schema
  try {
    await transaction(pool, (tx) => store(tx, outbox, order));
    return { status: 202, body: { id } };
  } catch (error) {
    if (error instanceof BodyInvalidError) return { status: 422, body: { error: 'no order', issues: error.issues } };
    throw error;
  }
}

/** The order and the message that tells of it: both or neither. An order that is there already has told of itself. */
async function store(tx: pg.PoolClient, outbox: Outbox, order: Order): Promise<void> {
  const insert = 'INSERT INTO purchase (id, item, quantity) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING';
  const { rowCount } = await tx.query(insert, [order.id, String(order.item), Number(order.quantity) || 0]);
  if (rowCount === 1) await outbox.publish(tx, orders, order, { messageId: `order ${order.id}`, key: order.item });
}

/** Cut off when it is too long, and then no JSON. */
async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= largestBodyBytes) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...(status === 503 && { 'retry-after': '1' }) });
  response.end(`${JSON.stringify(body)}\n`);
}
