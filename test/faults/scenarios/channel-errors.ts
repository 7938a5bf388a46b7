import assert from 'node:assert/strict';
import { createConsumer, defineQueue, type RawQueue } from '@surehop/consumer';
import { defineExchange, type ErrorCode, isSurehopError } from '@surehop/core';
import type { VhostUser } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { declareRawExchange, declareRawQueue, permitTopic } from '../../publishing/somebody-else.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { Traffic } from '../traffic.ts';

/** Something that the broker answers by closing a channel. */
interface Offence {
  readonly commit: (traffic: Traffic, messageId: string) => Promise<unknown>;
  readonly code: ErrorCode;
  /** What the broker says of it. */
  readonly text: RegExp;
}

const rounds = 3;
const one = Buffer.from('{"number":0}');
const publishOne =
  (exchange: string, routingKey: string, content = one): Offence['commit'] =>
  ({ publisher }, messageId) =>
    publisher.publishTo({ exchange, routingKey }, content, { messageId, contentType: 'application/json' });
const consumeRaw =
  (queue: string): Offence['commit'] =>
  ({ consuming }) =>
    consumeSoon(consuming, { queue, raw: true });

const topics = defineExchange<unknown>('topics', { type: 'topic' });

const publishingOffences: readonly Offence[] = [
  { commit: publishOne('missing', 'work'), code: 'SUREHOP_EXCHANGE_NOT_FOUND', text: /NOT_FOUND - no exchange/ },
  {
    commit: publishOne('unwritable', 'work'),
    code: 'SUREHOP_ACCESS_REFUSED',
    text: /ACCESS_REFUSED - (write )?access to exchange 'unwritable'/,
  },
  { commit: publishOne('inner', 'work'), code: 'SUREHOP_ACCESS_REFUSED', text: /cannot publish to internal exchange/ },
  {
    commit: publishOne('topics', 'forbidden.work'),
    code: 'SUREHOP_ACCESS_REFUSED',
    text: /access to topic 'forbidden.work'/,
  },
];

/** Up to 3.13 the broker takes messages of 128 MiB. */
const tooLarge: Offence = {
  commit: publishOne('', 'work', Buffer.alloc(17 * 1024 * 1024)),
  code: 'SUREHOP_MESSAGE_TOO_LARGE',
  text: /PRECONDITION_FAILED - message size/,
};

const consumingOffences: readonly Offence[] = [
  { commit: consumeRaw('missing'), code: 'SUREHOP_TOPOLOGY_MISMATCH', text: /NOT_FOUND - no queue 'missing'/ },
  {
    commit: consumeRaw('unreadable'),
    code: 'SUREHOP_ACCESS_REFUSED',
    text: /ACCESS_REFUSED - (read )?access to queue 'unreadable'/,
  },
  { commit: consumeRaw('locked'), code: 'SUREHOP_CONNECT_TIMEOUT', text: /RESOURCE_LOCKED - cannot obtain exclusive/ },
  { commit: consumeRaw('taken'), code: 'SUREHOP_CONNECT_TIMEOUT', text: /queue 'taken'.* in exclusive use/ },
  {
    commit: ({ consuming }) => consumeSoon(consuming, defineQueue('work', { deliveryLimit: 7 })),
    code: 'SUREHOP_TOPOLOGY_MISMATCH',
    text: /PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'work'/,
  },
];

/** Who may do everything, save write to `unwritable`, read `unreadable` and write `topics` beyond what is allowed. */
async function addClerk({ vhost }: Stage): Promise<VhostUser> {
  const permissions = { configure: '.*', write: '^(?!unwritable$)', read: '^(?!unreadable$)' };
  const clerk = await vhost.addUser('clerk', 'secret', permissions);
  await declareRawExchange(vhost, 'topics', { type: 'topic' });
  await permitTopic(vhost, clerk.username, 'topics', '^allowed[.]');
  return clerk;
}

async function asClerk(stage: Stage): Promise<Traffic> {
  const clerk = await addClerk(stage);
  const url = clerk.url(stage.proxy.port);
  return stage.traffic({
    urls: { publish: url, consume: url },
    publisher: { maxMessageBytes: 32 * 1024 * 1024 },
    contract: { bindTo: [{ exchange: topics, routingKey: 'allowed.#' }] },
  });
}

/** Commits all of them again and again while messages flow, with innocent ones on the same exchange. */
async function commitAll(traffic: Traffic, offences: readonly Offence[]): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const told = offences.map((offence) => traffic.aside((messageId) => offence.commit(traffic, messageId)));
    const innocent = Array.from({ length: 20 }, () =>
      traffic.aside((messageId) =>
        traffic.publisher.publish(topics, { number: 0 }, { messageId, routingKey: 'allowed.work' }),
      ),
    );
    for (const [index, error] of (await Promise.all(told)).entries()) assertTold(error, offences[index] as Offence);
    assert(
      (await Promise.all(innocent)).every((error) => error === undefined),
      'who did nothing was told of an error',
    );
    await traffic.flows(50);
  }
}

function assertTold(error: unknown, { code, text }: Offence): void {
  assert(isSurehopError(error, code), `expected ${code}, got ${String(error)}`);
  assert.match(`${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`, text);
}

/** How often each code is expected. */
function expected(offences: readonly Offence[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { code } of offences) counts.set(code, (counts.get(code) ?? 0) + rounds);
  return Object.fromEntries(counts);
}

function consumeSoon(rabbit: Traffic['consuming'], queue: RawQueue | ReturnType<typeof defineQueue>): Promise<unknown> {
  const options = { startTimeoutMs: 800 };
  const handler = () => undefined;
  return 'raw' in queue
    ? createConsumer(rabbit, queue, handler, options)
    : createConsumer(rabbit, queue, handler, options);
}

/** What somebody else's connection keeps for itself, until the returned function ends it. */
async function occupy(stage: Stage): Promise<() => Promise<void>> {
  const connection = await amqpConnect(stage.vhost.url());
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= connection.close();
    return closing;
  };
  stage.own({ [Symbol.asyncDispose]: close });
  const channel = await connection.createChannel();
  await channel.assertQueue('locked', { exclusive: true });
  await channel.assertQueue('taken', { durable: true });
  await channel.consume('taken', () => undefined, { exclusive: true });
  return close;
}

/** What the broker answers by closing a channel, done again and again on the connections that everybody else uses. */
export const channelErrorScenarios: readonly Scenario[] = [
  {
    name: 'channel-errors-publishing',
    situation: 'publishing to what is missing, forbidden or internal, and more than the broker takes',
    // What was stored and not confirmed yet when the channel was closed is sent again: 236 of 2,977, on a busy machine.
    duplicates: 'possible',
    // Red without `isAboutOneMessage` in packages/core/src/confirmed-channel.ts: whatever else goes to the exchange is
    // rejected too.
    async run(stage) {
      await declareRawExchange(stage.vhost, 'unwritable', { type: 'fanout' });
      await declareRawExchange(stage.vhost, 'inner', { type: 'fanout', internal: true });
      const traffic = await asClerk(stage);
      const offences = stage.release === '3.10' ? publishingOffences : [...publishingOffences, tooLarge];
      await commitAll(traffic, offences);
      assert.equal(traffic.losses, 0);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, expected(offences));
      return figures;
    },
  },
  {
    name: 'channel-errors-consuming',
    situation: 'consuming what is missing, forbidden, locked, taken or of other arguments',
    duplicates: 'none',
    // Red without the listener to `error` in packages/core/src/amqplib-channel.ts: each ends the whole connection.
    async run(stage) {
      await declareRawQueue(stage.vhost, 'unreadable', {});
      const release = await occupy(stage);
      const traffic = await asClerk(stage);
      await commitAll(traffic, consumingOffences);
      assert.equal(traffic.losses, 0);
      const lost = stage.lines.filter(
        ({ message, fields }) => /lost its subscription/.test(message) && fields.queue === 'work',
      );
      assert.deepEqual(lost, []);
      await release();
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, expected(consumingOffences));
      return figures;
    },
  },
];
