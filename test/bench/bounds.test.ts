import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrameRelay } from '../connection/frame-relay.ts';
import { type Assignment, paces, queueRoles, type Word } from './assignment.ts';
import { consumed, counted, endured, failed, prefetch, type Report } from './bounds/counted-process.ts';
import { NullConnection } from './null-broker/connection.ts';
import type { Task } from './workloads.ts';

// Counts, since times depend on what else the machine does. What a bound allows is what was measured, and some more.

const program = fileURLToPath(new URL('bounds/counted-process.ts', import.meta.url));
const clientProcess = fileURLToPath(new URL('client-process.ts', import.meta.url));
let server: Server;
let relay: FrameRelay;
let report: Report;
let acks = 0;

beforeAll(async () => {
  server = createServer({ noDelay: true }, (socket) => new NullConnection(socket, 256)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay = await FrameRelay.start({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  relay.request = ({ method, bytes }) => {
    if (method === '60.80') acks += 1;
    return bytes;
  };
  const child = fork(program, [`amqp://guest:guest@127.0.0.1:${relay.port}`], { execArgv: ['--expose-gc'] });
  try {
    [report] = (await once(child, 'message')) as [Report];
    await once(child, 'exit');
  } finally {
    child.kill('SIGKILL');
  }
}, 60_000);
afterAll(async () => {
  await relay[Symbol.asyncDispose]();
  server.close();
});

describe(`${counted} publishes at once`, () => {
  test('take two promises each: that of publish, and what the caller makes of it', () => {
    expect(report.publish.promises / counted).toBeLessThanOrEqual(2.05);
  });

  test('take no timer each', () => expect(report.publish.timers).toBeLessThanOrEqual(5));

  test('leave together', () => expect(report.publish.writes).toBeLessThanOrEqual(5));

  test('as one publishMany take hardly any promise', () => {
    expect(report.publishMany.promises / counted).toBeLessThanOrEqual(0.1);
    expect(report.publishMany.timers).toBeLessThanOrEqual(5);
    expect(report.publishMany.writes).toBeLessThanOrEqual(20);
  });
});

describe(`${consumed} messages consumed, prefetch ${prefetch}`, () => {
  test('take two promises each: that of the handler, and what we make of it', () => {
    expect(report.consume.promises / consumed).toBeLessThanOrEqual(2.1);
  });

  test('take no timer each', () => expect(report.consume.timers / consumed).toBeLessThanOrEqual(0.02));

  test('are acknowledged by the hundred', () => {
    expect(acks / (2 * consumed)).toBeLessThanOrEqual(0.02);
    expect(report.consume.writes / consumed).toBeLessThanOrEqual(0.02);
  });
});

describe(`${failed} messages that fail, prefetch ${prefetch}`, () => {
  test('take two promises each: that of the handler, and what we make of it; none for the copy', () => {
    expect(report.retry.promises / failed).toBeLessThanOrEqual(2.1);
  });

  // By the clock: one for each pause in reading (2 ms), one for each group of copies (5 ms), so more on a slow machine.
  test('take no timer each', () => expect(report.retry.timers / failed).toBeLessThanOrEqual(0.1));

  test('are copied and acknowledged by the hundred', () => {
    expect(report.retry.writes / failed).toBeLessThanOrEqual(0.03);
  });
});

/** Of raw amqplib's CPU. */
const most = 0.7;

describe('next to raw amqplib, where the client is the limit', () => {
  test.each<[string, Task]>([
    ['a publish', { kind: 'publish', inFlight: 1_000 }],
    ['a message consumed', { kind: 'consume', prefetch: 500 }],
  ])(
    '%s takes at most seven tenths of the CPU',
    async (_what, task) => {
      let best = Number.POSITIVE_INFINITY;
      // Who is disturbed takes longer, nobody less: one round in which it holds is enough.
      for (let rounds = 0; rounds < 3 && best > most; rounds += 1) {
        const [theirs, ours] = [await cpuUs('amqplib', task), await cpuUs('surehop', task)];
        best = Math.min(best, ours / theirs);
      }
      expect(best).toBeLessThanOrEqual(most);
    },
    60_000,
  );
});

/** Of one message, by a process of its own. */
async function cpuUs(library: string, task: Task): Promise<number> {
  const { port } = server.address() as AddressInfo;
  const queues = Object.fromEntries(queueRoles.map((role) => [role, role])) as Assignment['queues'];
  const pace = { ...paces.quick, warmUpMs: 800, measureMs: 800 };
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  const rest = { url, queues, queueType: 'quorum', bodyBytes: 256, pace, hasQueues: false } as const;
  const child = fork(clientProcess, [JSON.stringify({ library, task, ...rest } satisfies Assignment)]);
  try {
    const [word] = (await once(child, 'message')) as [Word];
    if (!('outcome' in word)) throw new Error(JSON.stringify(word));
    return word.outcome.sample.cpuUsPerMessage ?? Number.NaN;
  } finally {
    child.kill('SIGKILL');
  }
}

test(`the heap keeps nothing of ${endured} messages`, () => {
  expect(report.heapGrown).toBeLessThan(1_000_000);
});
