import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, createConsumer } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import type { Message } from 'amqplib';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { onChannel } from '../dead-letters/queues.ts';
import { type CommandEnd, surehop } from './command.ts';
import { steps } from './contracts/ordered.ts';
import { declareQueue } from './stage.ts';

const broker = attachBroker(inject('broker'));
const contracts = fileURLToPath(new URL('contracts/ordered.ts', import.meta.url));
const others = fileURLToPath(new URL('contracts/shop.ts', import.meta.url));
const ids = ['m-1', 'm-2', 'm-3'];
let folder: string;
let vhost: Vhost;
let env: Record<string, string>;

/** A consumer has laid three messages of one key aside, and has ended. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'surehop-cli-'));
  vhost = await broker.vhost();
  const url = new URL(vhost.managementUrl);
  url.username = vhost.credentials.username;
  url.password = vhost.credentials.password;
  env = { AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: url.href, XDG_STATE_HOME: folder };
  const rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  const fail = (): never => {
    throw new Error('not yet');
  };
  const consumer = await createConsumer(rabbit, steps, fail, { orderBy: ({ body }) => body.account, mostHeld: 0 });
  const publisher = createPublisher(rabbit);
  for (const [step, messageId] of ids.entries())
    await publisher.publish(steps, { account: 'ada', step }, { messageId });
  await eventually(async () => {
    expect(consumer.health().order).toMatchObject({ delayedKeys: 1, laidAside: 3 });
    expect(consumer.health().inHand).toBe(0);
  }, 10_000);
  await rabbit.close();
});
afterAll(async () => {
  await broker.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]): Promise<CommandEnd> => surehop(args, { env });

describe('what was laid aside, and that nobody takes', () => {
  test('is told by the doctor and shown by top', async () => {
    await eventually(async () => {
      const { stdout, code } = await run('doctor', '--contracts', contracts, '--json');
      const { findings } = JSON.parse(stdout) as { findings: { check: string; what: string }[] };
      expect(code).toBe(3);
      expect(findings.filter(({ check }) => check !== 'broker version').map(({ what }) => what)).toEqual([
        'queue "steps.waiting" has 3 messages and no consumer',
      ]);
    }, 20_000);
    // The broker's statistics of one queue may be older than those of another.
    await eventually(async () => {
      const top = await run('top', '--once');
      const cells = top.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/));
      expect(cells).toEqual([
        ['QUEUE', 'READY', 'IN HAND', 'IN/s', 'OUT/s', 'RETRY', 'WAIT', 'DEAD', 'CONS', 'RUNGS'],
        ['steps', expect.anything(), '0', '-', '-', expect.anything(), '3', '0', expect.anything()],
      ]);
    }, 20_000);
  }, 60_000);

  test('has a queue that is as it is wanted, and that goes with its contract, not with its messages', async () => {
    const plan = await run('topology', 'plan', '--contracts', contracts);
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('queue "steps.waiting": as wanted') });
    const prune = await run('topology', 'prune', '--contracts', others, '--gone', 'steps', '--dry-run');
    expect(prune.stdout).toContain('queue "steps.waiting": the contract "steps" is gone; stays: holds 3 messages');
    expect(prune.stdout).toMatch(/^exchange "steps.dead-letter": .*stays: "steps.waiting" holds 3 messages$/m);
  });

  test('can be moved away and back, in order', async () => {
    await declareQueue(vhost, 'parked');
    const noted = async (queue: string): Promise<unknown[]> =>
      (await vhost.get(queue, 3)).map(({ headers }) => headers['surehop-waiting']);
    expect(await run('dlq', 'move', 'steps.waiting', '--to', 'parked', '--yes')).toMatchObject({ code: 0 });
    expect(await vhost.messageIds('parked')).toEqual(ids);
    expect(await noted('parked')).toEqual([1, 2, 3].map((number) => expect.objectContaining({ kind: 'copy', number })));
    expect(await run('dlq', 'move', 'parked', '--to', 'steps.waiting', '--yes')).toMatchObject({ code: 0 });
    expect(await vhost.messages('steps.waiting')).toBe(3);
  });

  test('is replayed to the work queue when the broker laid it aside from there', async () => {
    await onChannel(vhost, async (channel) => {
      await channel.consume('steps.waiting', (message) => message && channel.nack(message, false, false));
      await eventually(async () => expect(await vhost.messages('steps.dead-letter')).toBe(3), 10_000);
    });
    const shown = await run('dlq', 'show', 'steps', 'm-2', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      failure: { source: 'broker', reason: 'uncopyable', queue: 'steps', exchange: '', routingKey: 'steps' },
    });
    const replay = await run('dlq', 'replay', 'steps', '--yes');
    expect(replay).toMatchObject({ code: 0, stdout: expect.stringContaining('3 to steps\n') });
    const came: Message[] = [];
    // A queue with a single active consumer answers no `basic.get`.
    await onChannel(vhost, async (channel) => {
      await channel.consume('steps', (message) => message && came.push(message));
      await eventually(() => expect(came).toHaveLength(3));
    });
    expect(came.map(({ properties }) => properties.messageId)).toEqual(ids);
    expect(came.flatMap(({ properties }) => Object.keys(properties.headers ?? {}))).not.toContain('surehop-waiting');
  });
});
