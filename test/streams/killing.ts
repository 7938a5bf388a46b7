import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createPublisher, defineStream } from '@surehop/publisher';
import { type BrokerNode, eventually, type Vhost } from '@surehop/testing';
import { keepingLogger } from '../connection/lines.ts';
import { handledIn, ReaderProcess } from './reader-process.ts';

export interface Killing {
  readonly vhost: Vhost;
  /** Killed as often; needed only then. */
  readonly node?: BrokerNode | undefined;
  readonly messages: number;
  readonly readerDeaths: number;
  readonly brokerDeaths: number;
  /** Messages after which a reader saves its position. */
  readonly saveEvery: number;
  readonly timeoutMs: number;
}

export interface Outcome {
  readonly published: number;
  /** Each once, and never. */
  readonly handled: number;
  readonly skipped: number;
  readonly repeated: number;
  /** Of messages in a row. */
  readonly longestRepetition: number;
  readonly isInOrder: boolean;
}

const maxBytes = 1_000_000_000;

/**
 * Numbers are published while a reader in a process of its own writes down what it handles; one after the other, readers
 * and the broker are killed (SIGKILL) in the midst of it. Resolves when all was handled, or the time is over.
 */
export async function killing(options: Killing): Promise<Outcome> {
  const { vhost, messages, saveEvery, timeoutMs } = options;
  const folder = mkdtempSync(join(tmpdir(), 'surehop-stream-'));
  try {
    const [ledger, positions] = [join(folder, 'ledger'), join(folder, 'positions')];
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await using publisher = createPublisher(rabbit, { deadlineMs: timeoutMs });
    const publishing = publisher.publishMany(defineStream<number>('numbers', { maxBytes }), paced(messages));
    publishing.catch(() => undefined); // told below
    const assignment = { url: vhost.url(), stream: 'numbers', maxBytes, ledger, positions, saveEvery };
    const reached = (count: number): Promise<void> =>
      eventually(() => {
        const { size } = new Set(handledIn(ledger));
        if (size < count) throw new Error(`${size} of ${count} messages are handled`);
      }, timeoutMs);
    await deaths(options, reached, () => new ReaderProcess(assignment));
    await publishing;
    return outcomeOf(handledIn(ledger), messages);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Spread over the whole run, those of readers and of the broker mixed; the last reader lives to the end. */
async function deaths(
  { node, messages, readerDeaths, brokerDeaths }: Killing,
  reached: (count: number) => Promise<void>,
  newReader: () => ReaderProcess,
): Promise<void> {
  const all = readerDeaths + brokerDeaths;
  let reader = newReader();
  try {
    for (let death = 1; death <= all; death += 1) {
      await reached(Math.floor((death * messages) / (all + 1)));
      if (Math.floor((death * brokerDeaths) / all) > Math.floor(((death - 1) * brokerDeaths) / all)) {
        await node?.kill();
        await node?.start();
      } else {
        await reader[Symbol.asyncDispose]();
        reader = newReader();
      }
    }
    await reached(messages);
  } finally {
    await reader[Symbol.asyncDispose]();
  }
}

function outcomeOf(handled: readonly number[], published: number): Outcome {
  const seen = new Set<number>();
  let [repeated, inRow, longestRepetition] = [0, 0, 0];
  for (const body of handled) {
    inRow = seen.has(body) ? inRow + 1 : 0;
    repeated += seen.has(body) ? 1 : 0;
    longestRepetition = Math.max(longestRepetition, inRow);
    seen.add(body);
  }
  const firsts = [...seen];
  const isInOrder = firsts.every((body, index) => index === 0 || body > (firsts[index - 1] ?? 0));
  return { published, handled: seen.size, skipped: published - seen.size, repeated, longestRepetition, isInOrder };
}

/** So that there is something to come when a death comes. */
async function* paced(count: number): AsyncGenerator<number> {
  for (let body = 0; body < count; body += 1) {
    if (body % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    yield body;
  }
}
