// Kills readers of a stream and the broker in the midst of reading, and says what became of each message.
//
//   npm run streams:killed                                                  some minutes
//   npm run streams:killed -- --messages 100000 --readers 50 --brokers 10   longer
import { parseArgs } from 'node:util';
import { startBroker } from '@surehop/testing';
import { killing } from './killing.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '20000' },
    readers: { type: 'string', default: '10' },
    brokers: { type: 'string', default: '3' },
  },
});
await using broker = await startBroker({ kind: 'node', log: () => undefined });
await using vhost = await broker.vhost();
console.log(broker.description);
const outcome = await killing({
  vhost,
  node: broker.nodes[0],
  messages: Number(values.messages),
  readerDeaths: Number(values.readers),
  brokerDeaths: Number(values.brokers),
  saveEvery: 20,
  timeoutMs: 600_000,
});
for (const [name, value] of Object.entries(outcome)) console.log(`${name.padEnd(18)} ${value}`);
if (outcome.skipped > 0 || !outcome.isInOrder) process.exitCode = 1;
