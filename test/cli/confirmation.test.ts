import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachBroker, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { hasPseudoTerminals, PseudoTerminal } from './pseudo-terminal.ts';
import { dieIn } from './stage.ts';

const broker = attachBroker(inject('broker'));
let folder: string;
let vhost: Vhost;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'surehop-cli-'));
  vhost = await broker.vhost();
  env = { AMQP_URL: vhost.url(), XDG_STATE_HOME: folder };
  await dieIn(vhost, 'orders', [
    { id: 'm-1', error: 'TypeError: no' },
    { id: 'm-2', error: 'TypeError: no' },
  ]);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await broker.close();
});

describe.skipIf(!hasPseudoTerminals())('at a terminal, what changes something asks', () => {
  const question = /Discard 2 of 2 dead letters looked at in orders\.dead-letter\?/;

  test.each([
    ['no', 'n'],
    ['return alone', '\r'],
    ['Ctrl-C', '\u0003'],
  ])('%s changes nothing, and exits with 130', async (_answer, keys) => {
    await using terminal = new PseudoTerminal(['dlq', 'discard', 'orders'], { columns: 200, rows: 24, env });
    await terminal.shows(question);
    terminal.type(keys);
    await terminal.shows(/nothing was done/);
    expect(await terminal.end()).toBe(130);
    expect(await vhost.messages('orders.dead-letter')).toBe(2);
  });

  test('yes does it, to those that were counted: what dies meanwhile stays', async () => {
    await using terminal = new PseudoTerminal(['dlq', 'discard', 'orders'], { columns: 200, rows: 24, env });
    await terminal.shows(question);
    await dieIn(vhost, 'orders', [{ id: 'm-3', error: 'TypeError: no' }]);
    terminal.type('y');
    expect(await terminal.end()).toBe(0);
    expect(terminal.written).toContain('discarded 2 of 2');
    expect(await vhost.messageIds('orders.dead-letter')).toEqual(['m-3']);
  });

  test('and shows how far it is', async () => {
    const many = Array.from({ length: 4 }, (_, index) => ({ id: `m-${index}`, error: 'TypeError: no' }));
    await dieIn(vhost, 'mails', many);
    const args = ['dlq', 'replay', 'mails', '--rate', '1', '--yes'];
    await using terminal = new PseudoTerminal(args, { columns: 200, rows: 24, env });
    await terminal.shows(/replayed \[#+ +\] (?:25|50|75)% \d\/4, .*\/s, \d+ s left/);
    expect(await terminal.end()).toBe(0);
    expect(terminal.image.text).not.toContain('[#'); // it is taken away at the end
  });

  test('of those selected too, once it knows how many there are', async () => {
    const many = Array.from({ length: 4 }, (_, index) => ({ id: `m-${index}`, error: 'TypeError: no' }));
    await dieIn(vhost, 'bills', many);
    const args = ['dlq', 'replay', 'bills', '--id', 'm-0', '--id', 'm-1', '--id', 'm-2', '--rate', '1', '--yes'];
    await using terminal = new PseudoTerminal(args, { columns: 200, rows: 24, env });
    await terminal.shows(/replayed \[#+ +\] (?:33|66)% \d\/3, .*\/s, \d+ m?s left/);
    expect(await terminal.end()).toBe(0);
  });
});
