import { createConsumer, defineQueue } from '@surehop/consumer';
import { connect, createPublisher } from '@surehop/publisher';

const steps = defineQueue<{ account: string; step: number }>('steps', { singleActiveConsumer: true });
const rabbit = await connect({ url: process.env.AMQP_URL ?? 'amqp://localhost' });
const book = ({ body }: { body: { account: string; step: number } }) => console.log(body.account, body.step);
await createConsumer(rabbit, steps, book, { orderBy: ({ body }) => body.account, concurrency: 50 });
const publisher = createPublisher(rabbit);
for (const step of [1, 2, 3]) await publisher.publish(steps, { account: 'ada', step });
process.once('SIGTERM', () => void rabbit.close());
