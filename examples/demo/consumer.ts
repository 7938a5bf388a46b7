// The consumer process of the demo: handles orders until its standard input ends, and writes what it does to standard
// output. The demo starts it, kills it midway with kill -9, and starts it again.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createConsumer, DeadLetter, type ReceivedMessage } from '@surehop/consumer';
import { orders } from './contracts.ts';
import { fateOf } from './fate.ts';
import { sdkLog } from './log.ts';
import type { ConsumerRecord } from './records.ts';

const { DEMO_AMQP_URL: url = 'amqp://localhost', DEMO_SEED: seed = '1', DEMO_VERBOSE: verbose } = process.env;

process.on('SIGINT', () => {}); // Ctrl-C reaches the whole group; the demo's first process decides what happens

const rabbit = await connect({
  url,
  name: 'surehop demo: consumer',
  waitMs: 20_000,
  log: sdkLog('consumer', verbose === '1'),
});
rabbit.onStateChange(({ phase }) => void record({ type: 'connection', phase }));
await createConsumer(rabbit, orders, handle, { concurrency: 32 });
await record({ type: 'ready' });

process.stdin.resume().once('end', () => void rabbit.close().then(() => process.exit(0)));

async function handle({ content, properties, attempt, signal }: ReceivedMessage<unknown>): Promise<void> {
  const id = String(properties.messageId);
  const fate = fateOf(content, Number(seed));
  await sleep(1 + (content.length % 5), undefined, { signal }); // what the work takes

  const fails =
    fate.kind === 'declined' || fate.kind === 'broken' || (fate.kind === 'flaky' && attempt <= fate.failures);
  if (!fails) return record({ type: 'handled', id, attempt });
  await record({ type: 'failed', id, attempt });
  if (fate.kind === 'declined') throw new DeadLetter('the card was declined');
  throw new Error(fate.kind === 'broken' ? 'the address cannot be found' : 'the payment provider did not answer');
}

/** Resolves once the line has left this process: what it says then outlives a kill. */
function record(line: ConsumerRecord): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve());
  });
}
