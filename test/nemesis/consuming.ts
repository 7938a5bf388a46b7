// The program of a consuming process: does to each message what the message asks for.
import { createConsumer, DeadLetter, type ReceivedMessage, RetryLater } from '@surehop/consumer';
import { type Assignment, handlerGraceMs, handlerTimeoutMs, orders } from './assignment.ts';
import type { Order } from './behaviour.ts';
import { connected, face, orGiveUp, record } from './process-face.ts';

const concurrency = 20;
const prefetch = 50;
/** Longer than the limit and its grace: what it returns then comes too late to count. */
const hangMs = 3 * (handlerTimeoutMs + handlerGraceMs);
const laterMs = 1_000;

const assignment = JSON.parse(process.argv[2] ?? '') as Assignment;
face(() => undefined);
const rabbit = await connected(assignment);
process.on('SIGTERM', () => void end());
const options = { concurrency, prefetch, handlerTimeoutMs, handlerGraceMs };
await orGiveUp(createConsumer(rabbit, orders, handle, options));
record({ type: 'ready', at: Date.now() });

async function handle({ body, attempt }: ReceivedMessage<Order>): Promise<void> {
  const startedAt = Date.now();
  const { number } = body;
  // Some work takes no time at all, and returns in another order than it came.
  if (number % 3 !== 0) await sleep(number % 5);
  const failure = failureOf(body, attempt);
  if (failure === undefined) {
    record({ type: 'handled', number, at: Date.now(), startedAt });
    return;
  }
  record({ type: 'failed', number, at: Date.now(), how: body.does });
  await failure();
}

/** Undefined when this attempt succeeds. */
function failureOf({ does }: Order, attempt: number): (() => Promise<void>) | undefined {
  switch (does) {
    case 'fail always':
      return fail;
    case 'fail once':
      return attempt <= 1 ? fail : undefined;
    case 'fail twice':
      return attempt <= 2 ? fail : undefined;
    case 'retry later':
      return attempt <= 1 ? retryLater : undefined;
    case 'hang':
      return attempt <= 1 ? hang : undefined;
    case 'dead letter':
      return layAside;
    case 'poison':
      return async () => void process.kill(process.pid, 'SIGKILL');
    case 'malformed': // never decoded
    case 'work':
      return undefined;
    default:
      return does satisfies never;
  }
}

async function fail(): Promise<never> {
  throw new Error('not this time');
}

/** Throws at last: a process that was frozen may find limit and return in one turn, and what returned then would be done. */
async function hang(): Promise<never> {
  await sleep(hangMs);
  return fail();
}

async function retryLater(): Promise<never> {
  throw new RetryLater(laterMs);
}

async function layAside(): Promise<never> {
  throw new DeadLetter('as it was asked for');
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function end(): Promise<void> {
  await rabbit.close();
  record({ type: 'closed', at: Date.now() });
  process.exit(0);
}
