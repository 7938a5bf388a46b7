import { connect, openDeadLetters } from '@surehop/dead-letters';

const rabbit = await connect({ url: process.env.AMQP_URL ?? 'amqp://localhost' });
const audit = { write: async (entry: object) => console.error(JSON.stringify(entry)) };
const deadLetters = openDeadLetters(rabbit, 'orders.dead-letter', { by: 'ada', audit });
const { groups } = await deadLetters.groups();
for (const { count, name, message, key } of groups) console.log(count, name, message, key);
const { messages } = await deadLetters.browse({ selection: { filter: 'attempts >= 3 and failedAt > -2h' } });
for (const { id, failure } of messages) console.log(id, failure.queue, failure.error?.message);
await rabbit.close();
