import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBroker, type Vhost } from '@surehop/testing';
import type { Assignment, Result } from './large-process.ts';
import { failureOf, queuesFor } from './letters.ts';
import { onChannel } from './queues.ts';

const program = fileURLToPath(new URL('./large-process.ts', import.meta.url));
const dead = 'orders.dead-letter';
const body = JSON.stringify({
  customer: 'c'.repeat(100),
  lines: Array.from({ length: 10 }, (_, line) => ({ line, sku: 'abc' })),
});
const stack = 'TimeoutError: no answer\n    at somewhere\n'.repeat(10);

/** Of a process that acts, in megabytes: V8's young generation is a good part of it on a machine with room. */
const mostMegabytes = 350;
/** Messages that do not all fit into that. */
const heavy = { count: 1_500, bytes: 256 * 1_024 } as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { messages: { type: 'string', default: '100000' } } });
  const count = Number(values.messages);
  await using broker = await startBroker({ kind: 'node', log: () => undefined });
  await using vhost = await broker.vhost();
  const folder = await mkdtemp(join(tmpdir(), 'surehop-large-'));
  console.log(`${broker.description}, ${count} messages of ${body.length} bytes and their failure`);
  try {
    await queuesFor(vhost, ['orders', dead]);
    const run = async (action: Assignment['action'], queue = dead): Promise<Result> => {
      const file = join(folder, `${action}.ndjson`);
      const result = await inProcess({ url: vhost.url(), queue, action, file });
      const rate = Math.round(result.looked / result.seconds);
      const { seconds, busySeconds, peakMegabytes, emptyMegabytes } = result;
      const memory = `peak ${peakMegabytes} MB of memory (${emptyMegabytes} at first)`;
      const cost = `${seconds.toFixed(1)} s (${busySeconds.toFixed(1)} s of processor), ${rate} messages/s, ${memory}`;
      console.log(`${action}: looked at ${result.looked}, done ${result.done}, ${cost}`);
      if (peakMegabytes > mostMegabytes) throw new Error(`${action}: more than ${mostMegabytes} MB of memory`);
      return result;
    };
    await fill(vhost, count);
    expectCount('exported', (await run('export')).done, count);
    await checkFile(join(folder, 'export.ndjson'), count);
    expectCount('replayed', (await run('replay')).done, count);
    await checkQueue(vhost, 'orders', count);
    await fill(vhost, count);
    expectCount('discarded', (await run('discard by filter, as a pass')).done, Math.floor(count / 2));
    expectCount('discarded', (await run('discard')).done, count - Math.floor(count / 2));
    await fill(vhost, heavy.count, 'h'.repeat(heavy.bytes));
    expectCount('counted', (await run('dry run, held')).done, heavy.count);
    expectCount('exported', (await run('export, held')).done, heavy.count);
    await checkFile(join(folder, 'export, held.ndjson'), heavy.count);
    const held = await run('discard by filter, held');
    expectCount('discarded', held.done, Math.floor(held.looked / 2));
    if (held.looked === heavy.count) throw new Error('it was to end before it held all of them');
    console.log('nothing was lost, nothing was doubled, everything was in its order');
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function fill(vhost: Vhost, count: number, content = body): Promise<void> {
  const startedAt = performance.now();
  await onChannel(vhost, async (channel) => {
    for (let number = 1; number <= count; number += 1) {
      const headers = failureOf('orders', { number, parity: number % 2, 'surehop-error-stack': stack });
      const options = { persistent: true, contentType: 'application/json', messageId: `id-${number}`, headers };
      channel.sendToQueue(dead, Buffer.from(content), options);
      if (number % (content === body ? 1_000 : 50) === 0) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();
  });
  console.log(`filled in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
}

async function checkFile(file: string, count: number): Promise<void> {
  let next = 1;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { id } = JSON.parse(line) as { id: string };
    if (id !== `id-${next}`) throw new Error(`line ${next} of the export has ${id}`);
    next += 1;
  }
  expectCount('lines', next - 1, count);
}

/** Consumes all of it, and looks at the order. */
async function checkQueue(vhost: Vhost, queue: string, count: number): Promise<void> {
  await onChannel(vhost, async (channel) => {
    await channel.prefetch(1_000);
    let next = 1;
    await new Promise<void>((resolve, reject) => {
      const onMessage = (message: { properties: { messageId?: string } } | null): void => {
        if (message === null) return;
        const { messageId } = message.properties;
        if (messageId !== `id-${next}`) reject(new Error(`message ${next} of ${queue} is ${messageId}`));
        if (next % 500 === 0 || next === count) channel.ack(message as never, true);
        if (next === count) resolve();
        next += 1;
      };
      void channel.consume(queue, onMessage);
    });
    const { messageCount } = await channel.checkQueue(queue);
    expectCount('messages behind the last one', messageCount, 0);
  });
}

function expectCount(what: string, is: number, wanted: number): void {
  if (is !== wanted) throw new Error(`${what}: ${is}, not ${wanted}`);
}

/** A process of its own: its memory is that of the action alone. */
async function inProcess(assignment: Assignment): Promise<Result> {
  const child: ChildProcess = spawn(process.execPath, [...process.execArgv, program, JSON.stringify(assignment)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const said = once(child, 'message') as Promise<[Result]>;
  const first = await Promise.race([said, ended]);
  if (typeof first[0] !== 'object') throw new Error(`the process has ended with ${first[0]}`);
  await ended;
  return first[0] as Result;
}

await main();
