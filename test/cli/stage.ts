import assert from 'node:assert/strict';
import { connect, createConsumer, DeadLetter, defineQueue } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { eventually, type Vhost } from '@surehop/testing';
import amqplib from 'amqplib';
import { keepingLogger } from '../connection/lines.ts';

/** A durable quorum queue without a contract. */
export async function declareQueue(
  vhost: Vhost,
  name: string,
  args: Readonly<Record<string, unknown>> = { 'x-queue-type': 'quorum' },
): Promise<void> {
  const connection = await amqplib.connect(vhost.url());
  try {
    const channel = await connection.createChannel();
    await channel.assertQueue(name, { durable: true, arguments: args });
    await channel.close();
  } finally {
    await connection.close();
  }
}

export interface Failing {
  readonly id: string;
  /** Of the error that its handler throws; `DeadLetter:` before it lays the message aside. */
  readonly error: string;
  readonly body?: unknown;
}

/** Makes dead letters as a service does: publishes to the contract of this name, and fails each message once. */
export async function dieIn(vhost: Vhost, queue: string, messages: readonly Failing[]): Promise<void> {
  const contract = defineQueue(queue, { retry: { delaysMs: [] } });
  const rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  try {
    const publisher = createPublisher(rabbit);
    const before = await readyIn(vhost, `${queue}.dead-letter`);
    await createConsumer(
      rabbit,
      contract,
      ({ properties }) => {
        const { error = '' } = messages.find(({ id }) => id === properties.messageId) ?? {};
        if (error.startsWith('DeadLetter:')) throw new DeadLetter(error.slice('DeadLetter:'.length));
        const [name = '', text = ''] = error.split(': ');
        throw Object.assign(new Error(text), { name });
      },
      { concurrency: 1 },
    );
    for (const { id, body = { id } } of messages) await publisher.publish(contract, body, { messageId: id });
    const after = before + messages.length;
    await eventually(async () => assert.equal(await readyIn(vhost, `${queue}.dead-letter`), after), 10_000);
  } finally {
    await rabbit.close();
  }
}

async function readyIn(vhost: Vhost, queue: string): Promise<number> {
  return (await vhost.queues()).some(({ name }) => name === queue) ? vhost.messages(queue) : 0;
}
