// Records what commands show at a terminal, for the documentation:
//
//   npm run record              all of them
//   npm run record -- top       one of them
//
// Each runs against a broker of its own, with real traffic. Needs `script` of util-linux.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createConsumer } from '@surehop/consumer';
import { connect, DeadLetter, defineQueue } from '@surehop/core';
import { createPublisher } from '@surehop/publisher';
import { eventually, startBroker, type Vhost } from '@surehop/testing';
import { keepingLogger } from '../connection/lines.ts';
import { PseudoTerminal } from './pseudo-terminal.ts';
import { Recording } from './recording.ts';
import { TerminalImage } from './terminal-image.ts';

type Scene = (vhost: Vhost, env: Readonly<Record<string, string>>) => Promise<Recording>;

const scenes: Readonly<Record<string, Scene>> = { top, replay };

const names = process.argv.slice(2);
await using broker = await startBroker();
for (const [name, scene] of Object.entries(scenes)) {
  if (names.length > 0 && !names.includes(name)) continue;
  await using vhost = await broker.vhost();
  const url = new URL(vhost.managementUrl);
  url.username = vhost.credentials.username;
  url.password = vhost.credentials.password;
  const recording = await scene(vhost, { AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: url.href });
  const path = fileURLToPath(new URL(`../../docs/cli/${name}.svg`, import.meta.url));
  writeFileSync(path, recording.svg);
  console.log(`${path} written`);
}

/** A service whose messages fail now and then, seen for 20 s. */
async function top(vhost: Vhost, env: Readonly<Record<string, string>>): Promise<Recording> {
  const orders = defineQueue<{ n: number }>('orders', { retry: { delaysMs: [1_000, 10_000] } });
  const mails = defineQueue<{ n: number }>('mails', { retry: { delaysMs: [5_000] } });
  await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  await using publisher = createPublisher(rabbit);
  await createConsumer(rabbit, orders, async ({ body: { n }, attempt, signal }) => {
    await wait(40, undefined, { signal });
    if (n % 97 === 0) throw new DeadLetter('no such customer');
    if (n % 7 === 0 && attempt < 3) throw new Error('card declined');
  });
  const ended = new AbortController();
  const traffic = publishSteadily(async (n) => {
    await publisher.publish(orders, { n });
    if (n % 20 === 0) await publisher.publish(mails, { n });
  }, ended.signal);

  await using terminal = new PseudoTerminal(['top'], { columns: 82, rows: 9, env });
  await terminal.shows(/^orders +[\d,]+ +\d+ +\d/m, 30_000);
  const recording = new Recording('surehop top: a table of queues whose figures change every two seconds');
  for (let frame = 0; frame < 10; frame += 1) {
    recording.add(terminal.image, 2_000);
    await wait(2_000);
  }
  terminal.type('q');
  await terminal.end();
  ended.abort();
  await traffic;
  return recording;
}

/** Why orders failed is looked up, and after the repair they are sent once more. */
async function replay(vhost: Vhost, env: Readonly<Record<string, string>>): Promise<Recording> {
  const orders = defineQueue<{ id: number }>('orders', { retry: { delaysMs: [] } });
  await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  await using publisher = createPublisher(rabbit);
  let isRepaired = false;
  await createConsumer(rabbit, orders, async ({ body: { id } }) => {
    if (!isRepaired)
      throw id % 3 === 0 ? new RangeError(`no such customer ${id}`) : new TypeError('card.number is missing');
  });
  for (let id = 1; id <= 60; id += 1) await publisher.publish(orders, { id });
  await eventually(async () => {
    if ((await vhost.messages('orders.dead-letter')) < 60) throw new Error('some are not dead yet');
  }, 30_000);
  isRepaired = true;

  const [columns, rows] = [104, 20];
  const image = new TerminalImage(columns, rows);
  const recording = new Recording(
    'surehop dlq: dead letters are grouped, those of one kind are replayed, and the rest is left',
  );
  const shown = async (args: readonly string[], answer?: RegExp): Promise<void> => {
    image.write(`$ surehop ${args.map(shellWord).join(' ')}\r\n`);
    recording.add(image, 1_500);
    await using terminal = new PseudoTerminal(args, { columns, rows, env: { ...env, XDG_STATE_HOME: folder }, image });
    if (answer !== undefined) {
      await terminal.shows(answer, 30_000);
      recording.add(image, 2_500);
      terminal.type('y');
    }
    const ended = terminal.end(60_000);
    while ((await Promise.race([ended, wait(400, 'running')])) === 'running') recording.add(image, 400);
    recording.add(image, 2_500);
  };
  const folder = mkdtempSync(join(tmpdir(), 'surehop-record-'));
  try {
    await shown(['dlq', 'groups', 'orders']);
    await shown(['dlq', 'replay', 'orders', '--filter', 'error.name = "TypeError"', '--rate', '15'], /Replay/);
    await shown(['dlq', 'groups', 'orders']);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return recording;
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text}'`;
}

async function publishSteadily(publish: (n: number) => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let n = 1; !signal.aborted; n += 1) {
    await publish(n);
    await wait(10);
  }
}
