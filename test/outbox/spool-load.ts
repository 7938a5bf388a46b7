import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { createSpoolingPublisher } from '@surehop/outbox';
import { eventually, FaultProxy, type Vhost } from '@surehop/testing';
import { History, type Report } from '../faults/history.ts';
import { SpoolChild } from './spool-child.ts';

export interface SpoolLoad {
  readonly vhost: Vhost;
  readonly file: string;
  /** Messages to be accepted at the least, over all processes. */
  readonly messages: number;
  /** How long the broker is away in the middle, in milliseconds; a third of the messages are to be accepted meanwhile. */
  readonly awayMs: number;
  /** How many messages a process publishes at the most. */
  readonly perSecond: number;
  /** How often the process is killed, and the next one started at once. */
  readonly kills: number;
  /** Told of what happens. */
  readonly say?: (what: string) => void;
}

export interface SpoolLoadReport extends Report {
  /** Messages that overtook an earlier one of their process, each counted the first time it was handled. */
  readonly outOfOrder: number;
  readonly acceptedWhileAway: number;
}

const together = 100;

/** Services that publish by way of one spool, one after the other is killed, while the broker goes away and comes back. */
export async function spoolLoad({
  vhost,
  file,
  messages,
  awayMs,
  perSecond,
  kills,
  say = () => undefined,
}: SpoolLoad): Promise<SpoolLoadReport> {
  await using proxy = await FaultProxy.start(vhost);
  await using rabbit = await connect({ url: vhost.url() });
  const history = new History();
  const firsts = new Map<string, number>();
  const seen = new Set<string>();
  let outOfOrder = 0;
  const queue = defineQueue<string>('orders');
  await createConsumer(
    rabbit,
    queue,
    ({ properties: { messageId: id = '' } }) => {
      history.add({ kind: 'handled', id, at: performance.now() });
      if (seen.has(id)) return;
      seen.add(id);
      const [life = '', number] = id.split('-');
      if (Number(number) < (firsts.get(life) ?? 0)) outOfOrder += 1;
      firsts.set(life, Math.max(firsts.get(life) ?? 0, Number(number)));
    },
    { concurrency: 200 },
  );

  const children: SpoolChild[] = [];
  const start = (): SpoolChild => {
    const assignment = {
      file,
      url: vhost.url(proxy.port),
      prefix: `life${children.length}`,
      together,
      pauseMs: (1_000 * together) / perSecond,
      bodyBytes: 200,
    };
    const child = new SpoolChild(assignment);
    children.push(child);
    return child;
  };
  const accepted = (): number => children.reduce((sum, child) => sum + child.stored.length, 0);
  const until = async (count: number): Promise<void> => {
    await eventually(() => {
      if (accepted() < count) throw new Error(`${accepted()} of ${count} accepted: ${children.at(-1)?.stderr}`);
    }, 300_000);
  };

  let acceptedWhileAway = 0;
  const isAway = Promise.withResolvers<void>();
  const outage = (async () => {
    await until(messages / 3);
    const before = accepted();
    const endsAt = performance.now() + awayMs;
    proxy.refuse();
    proxy.refuse();
    proxy.cut();
    say('the broker is away');
    isAway.resolve();
    await until(before + messages / 3);
    await eventually(() => {
      if (performance.now() < endsAt) throw new Error('not yet');
    }, awayMs + 5_000);
    acceptedWhileAway = accepted() - before;
    proxy.heal();
    say(`the broker is back; ${acceptedWhileAway} messages were accepted meanwhile`);
  })();
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const child = start();
      await until(((kill + 1) * messages) / (kills + 1));
      await child.kill();
      say(`killed, after ${child.stored.length} messages`);
    }
    const last = start();
    await Promise.all([until(messages), outage]);
    await last.kill();
  } finally {
    for (const child of children) await child.kill();
    await outage.catch(() => undefined);
  }

  for (const { said } of children) {
    for (const { id, storedBy } of said) {
      history.add({ kind: 'published', id, at: 0, dueAt: Number.POSITIVE_INFINITY });
      const at = performance.now();
      if (storedBy === undefined) history.add({ kind: 'rejected', id, at, stored: 'no' });
      else history.add({ kind: 'resolved', id, at });
    }
  }
  await using publisher = await createSpoolingPublisher(rabbit, { file });
  say(`the next process finds ${publisher.health().depth} messages`);
  await eventually(() => {
    if (publisher.health().depth > 0) throw new Error(`${publisher.health().depth} messages are left in the spool`);
  }, 120_000);
  await eventually(async () => {
    const left = await vhost.messages(queue.name);
    if (left > 0) throw new Error(`${left} messages are left in the queue`);
  }, 300_000);
  return { ...history.report([]), outOfOrder, acceptedWhileAway };
}
