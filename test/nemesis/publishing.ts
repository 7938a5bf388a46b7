// The program of a publishing process: numbered messages at a rate, each of which is sent again only when its promise rejected.
import { createPublisher, isSurehopError } from '@surehop/publisher';
import { type Assignment, orders, placed } from './assignment.ts';
import { type Behaviour, behaviourOf, type Order } from './behaviour.ts';
import { connected, face, record } from './process-face.ts';

const turnMs = 10;
/** More than the publisher keeps unconfirmed, so that calls wait for room as well. */
const mostPending = 1_500;
/** What outages have held up is made up for at this multiple of the rate. */
const catchUp = 2;
const longestMemoryS = 60;
/** One in ten is in a hurry, so that deadlines pass while the broker is away. */
const deadlines = { usualMs: 30_000, shortMs: 3_000 } as const;
const padding = 'surehop '.repeat(12);

const assignment = JSON.parse(process.argv[2] ?? '') as Assignment;
const { seed, rate } = assignment;
let nextNumber = assignment.firstNumber;
let pending = 0;
let poison = 0;
/** Messages whose promise rejected; each is due once more. */
let again = 0;
let isFinishing = false;

face((command) => {
  if (command === 'poison') poison += 1;
  else if (command === 'finish') isFinishing = true;
});
const rabbit = await connected(assignment);
const publisher = createPublisher(rabbit);
process.on('SIGTERM', () => void end());
record({ type: 'ready', at: Date.now() });
await publishUntilFinished();
await end();

async function publishUntilFinished(): Promise<void> {
  let owed = 0;
  let before = performance.now();
  while (!isFinishing || pending > 0) {
    await new Promise((resolve) => setTimeout(resolve, turnMs));
    const now = performance.now();
    const share = (rate * (now - before)) / 1_000;
    before = now;
    if (isFinishing) continue;
    owed = Math.min(owed + share + again, rate * longestMemoryS);
    again = 0;
    for (; poison > 0; poison -= 1) send('poison');
    const turn = Math.floor(Math.min(owed, share * catchUp + 1, mostPending - pending));
    for (let sent = 0; sent < turn; sent += 1) send(behaviourOf(seed, nextNumber));
    owed -= Math.max(0, turn);
  }
}

function send(does: Behaviour): void {
  const number = nextNumber;
  nextNumber += 1;
  const sentAt = Date.now();
  const deadlineMs = number % 10 === 0 ? deadlines.shortMs : deadlines.usualMs;
  record({ type: 'sent', number, at: sentAt, deadlineAt: sentAt + deadlineMs });
  pending += 1;
  publish(number, does, deadlineMs).then(
    () => {
      pending -= 1;
      record({ type: 'resolved', number, at: Date.now(), sentAt });
    },
    (error: unknown) => {
      pending -= 1;
      again += 1;
      record({ type: 'rejected', number, at: Date.now(), code: isSurehopError(error) ? error.code : 'OTHER' });
      if (!isSurehopError(error)) process.stderr.write(`rejected with ${String(error)}\n`);
    },
  );
}

function publish(number: number, does: Behaviour, deadlineMs: number): Promise<unknown> {
  const messageId = String(number);
  if (does === 'malformed') {
    const to = { exchange: '', routingKey: orders.name };
    const properties = { messageId, contentType: 'application/json' };
    return publisher.publishTo(to, Buffer.from('{"number":'), properties, { deadlineMs });
  }
  const order: Order = { number, does, padding };
  // By the queue's name, or through the exchange: what can go wrong differs.
  if (number % 2 === 0) return publisher.publish(orders, order, { messageId, deadlineMs });
  return publisher.publish(placed, order, { messageId, deadlineMs, routingKey: 'order' });
}

async function end(): Promise<void> {
  isFinishing = true;
  await rabbit.close();
  record({ type: 'closed', at: Date.now() });
  process.exit(0);
}
