import { createConsumer } from '@surehop/consumer';
import { connect, createPublisher, defineQueue } from '@surehop/publisher';

const orders = defineQueue<string>('orders');
const rabbit = await connect({ url: process.env.AMQP_URL ?? 'amqp://localhost' });
const publisher = createPublisher(rabbit);
for (const step of ['placed', 'paid', 'shipped']) await publisher.publish(orders, step, { sequence: 'order 42' });
// Were "placed" to fail, the others would wait until its retry has succeeded.
await createConsumer(rabbit, orders, ({ body }) => console.log(body), { resequence: { maxGapMs: 60_000 } });
setTimeout(() => void rabbit.close(), 1_000); // a service does this on SIGTERM
