import { createStreamReader, memoryPositionStore } from '@surehop/consumer';
import { connect, createPublisher, defineStream } from '@surehop/publisher';

const events = defineStream<{ order: number }>('events', { maxAgeMs: 7 * 86_400_000, maxBytes: 20_000_000_000 });
const rabbit = await connect({ url: process.env.AMQP_URL ?? 'amqp://localhost' });
await createPublisher(rabbit).publishMany(events, [{ order: 7 }, { order: 8 }, { order: 9 }]);
const billing = { name: 'billing', store: memoryPositionStore() }; // a service keeps its positions in its database
await createStreamReader(rabbit, events, ({ body, offset }) => console.log('bill', offset, body.order), billing);
await createStreamReader(rabbit, events, ({ body }) => console.log('index', body.order), { name: 'search', from: 1 });
setTimeout(() => void rabbit.close(), 1_000); // a service does this on SIGTERM
