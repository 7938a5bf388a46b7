import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { attachBroker, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { onChannel } from '../dead-letters/queues.ts';
import { RunningCommand, surehop } from './command.ts';
import { declareQueue, dieIn } from './stage.ts';

const broker = attachBroker(inject('broker'));
let folder: string;
let vhost: Vhost;
let env: Record<string, string>;
let queue: string;
let dead: string;
let elsewhere: string;
let queues = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'surehop-cli-'));
  vhost = await broker.vhost();
  env = { AMQP_URL: vhost.url(), XDG_STATE_HOME: folder };
});
beforeEach(async () => {
  queues += 1;
  queue = `orders-${queues}`;
  dead = `${queue}.dead-letter`;
  elsewhere = `${queue}-elsewhere`;
  await dieIn(vhost, queue, [
    { id: 'm-1', error: 'TimeoutError: no answer' },
    { id: 'm-2', error: 'TypeError: no such thing' },
    { id: 'm-3', error: 'TimeoutError: no answer' },
  ]);
});
afterAll(async () => {
  await broker.close();
  await rm(folder, { recursive: true, force: true });
});

async function auditLines(): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(folder, 'surehop', 'audit.ndjson'), 'utf8');
  const lines = text.trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter((line) => line.queue === dead);
}

describe('surehop dlq replay', () => {
  test('sends those selected to the queue where they failed, and writes down who did it', async () => {
    const args = ['dlq', 'replay', queue, '--filter', 'error.name = "TimeoutError"', '--yes', '--by', 'ada'];
    const end = await surehop(args, { env });
    expect(end.code).toBe(0);
    expect(end.stdout).toBe(`replayed 2 of 3 looked at in ${dead}, 2 to ${queue}\n`);
    expect(await vhost.messageIds(queue)).toEqual(['m-1', 'm-3']);
    expect(await vhost.messageIds(dead)).toEqual(['m-2']);
    const lines = await auditLines();
    expect(lines).toMatchObject([
      { event: 'begin', by: 'ada', action: 'replay', selection: { filter: 'error.name = "TimeoutError"' } },
      { event: 'end', by: 'ada', result: { done: 2 } },
    ]);
    expect(end.stderr).toContain(`run ${String(lines[0]?.run)}\n`);
  });

  test('without --yes and without a terminal says what it would do, and does not', async () => {
    const end = await surehop(['dlq', 'replay', queue, '--id', 'm-1'], { env });
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toMatch(
      /Replay 1 of 1 dead letters looked at in \S+, by its id: 1 to orders-\d+\? The broker is .*add --yes/,
    );
    expect(await vhost.messageIds(dead)).toEqual(['m-1', 'm-2', 'm-3']);
    await expect(auditLines()).resolves.toEqual([]);
  });

  test('[--dry-run] counts and changes nothing; [--to] a queue that is missing is said', async () => {
    const end = await surehop(['dlq', 'replay', queue, '--dry-run', '--json'], { env });
    expect(end.code).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ matched: 3, done: 3, isDryRun: true, byTarget: { [queue]: 3 } });
    const missing = await surehop(['dlq', 'replay', queue, '--to', 'nowhere', '--yes'], { env });
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('SUREHOP_QUEUE_NOT_FOUND');
    expect(await vhost.messageIds(dead)).toEqual(['m-1', 'm-2', 'm-3']);
  });

  test('[--watch] those that come back dead are told, and exit with 4', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await createConsumer(rabbit, defineQueue(queue, { retry: { delaysMs: [] } }), () => {
      throw new TypeError('still broken');
    });
    await surehop(['dlq', 'discard', queue, '--id', 'm-2', '--id', 'm-3', '--yes'], { env });
    const end = await surehop(['dlq', 'replay', queue, '--watch', '10s', '--yes'], { env });
    expect(end.code).toBe(4);
    expect(end.stdout).toContain('came back dead 1');
    expect(end.stderr).toContain('came back dead m-1: ');
    expect(end.stderr).toContain('still broken');
  });

  test('[--ramp] stops when too many come back dead, and leaves the rest', async () => {
    await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
    await createConsumer(rabbit, defineQueue(queue, { retry: { delaysMs: [] } }), () => {
      throw new TypeError('still broken');
    });
    const ramp = ['--ramp-steps', '1', '--ramp-step-time', '900ms', '--max-failed-share', '10%'];
    const end = await surehop(['dlq', 'replay', queue, ...ramp, '--yes'], { env });
    expect(end.code).toBe(4);
    expect(end.stdout).toMatch(/^replayed [12] of/);
    expect(end.stderr).toContain('stopped: too many came back dead');
    expect((await vhost.messageIds(dead)).toSorted()).toEqual(['m-1', 'm-2', 'm-3']);
  });

  test('[--edit] gives a new body from JSON, or from a module, under a new id', async () => {
    const json = join(folder, 'edited.json');
    const shown = await surehop(['dlq', 'show', queue, 'm-1', '--json'], { env });
    await writeFile(json, shown.stdout.replace('"id": "m-1"\n', '"id": "mended", "long": 12345678901234567890\n'));
    expect((await surehop(['dlq', 'replay', queue, '--edit', json, '--yes'], { env })).code).toBe(2);
    const one = await surehop(['dlq', 'replay', queue, '--id', 'm-1', '--edit', json, '--yes'], { env });
    expect(one.code).toBe(0);
    const module = join(folder, 'edit.mjs');
    await writeFile(module, "export default ({ id }) => (id === 'm-2' ? { content: Buffer.from('2') } : undefined);\n");
    const many = await surehop(['dlq', 'replay', queue, '--edit', module, '--yes'], { env });
    expect(many.code).toBe(0);
    const stored = await vhost.get(queue);
    expect(stored.map(({ content }) => String(content))).toEqual([
      '{"id":"mended","long":12345678901234567890}',
      '2',
      '{"id":"m-3"}',
    ]);
    expect(stored.map(({ headers }) => headers['surehop-replaced-id'])).toEqual(['m-1', 'm-2', undefined]);
  });

  test('[--resume] goes on with the selection of a run that the audit log has', async () => {
    await surehop(['dlq', 'replay', queue, '--filter', 'error.name = "TypeError"', '--yes'], { env });
    const run = String((await auditLines())[0]?.run);
    const end = await surehop(['dlq', 'replay', queue, '--resume', run, '--yes', '--json'], { env });
    expect(JSON.parse(end.stdout)).toMatchObject({ run, matched: 0 });
    const unknown = await surehop(['dlq', 'replay', queue, '--resume', 'none', '--yes'], { env });
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    const other = await surehop(['dlq', 'discard', queue, '--resume', run, '--yes'], { env });
    expect(other.stderr).toContain(`run ${run} was a replay of ${dead}, and not a discard of ${dead}`);
  });

  test('Ctrl-C stops it: what is done is done, and the run is gone on with, within its own bounds', async () => {
    const asked = ['dlq', 'replay', queue, '--rate', '1', '--limit', '2', '--to', elsewhere];
    await declareQueue(vhost, elsewhere);
    await using command = new RunningCommand([...asked, '--yes'], env);
    await expect.poll(() => vhost.messages(elsewhere), { timeout: 20_000 }).toBeGreaterThan(0);
    command.interrupt();
    const end = await command.end();
    expect(end.code).toBe(130);
    const run = /run ([\w-]+); --resume with it goes on/.exec(end.stderr)?.[1] ?? '';
    expect(await vhost.messageIds(elsewhere)).toEqual(['m-1']);
    expect(await vhost.messageIds(dead)).toEqual(['m-2', 'm-3']);
    const resumed = ['dlq', 'replay', queue, '--resume', run];
    for (const [args, why] of [
      [['--to', queue], `run ${run} sent messages to ${elsewhere}, and not to ${queue}`],
      [['--edit', 'edit.mjs'], `run ${run} edited nothing`],
    ] as const) {
      const refused = await surehop([...resumed, ...args, '--yes'], { env });
      expect({ code: refused.code, why: refused.stderr }).toEqual({ code: 2, why: expect.stringContaining(why) });
    }
    expect((await surehop(resumed, { env })).stderr).toContain('Replay 1 of 1 dead letters looked at');
    expect(await surehop([...resumed, '--yes'], { env })).toMatchObject({ code: 0 });
    expect(await vhost.messageIds(elsewhere)).toEqual(['m-1', 'm-2']);
    const [first, , second] = (await auditLines()).map(({ options }) => options as object);
    expect(first).toMatchObject({ ratePerSecond: 1, limit: 2, to: elsewhere });
    expect(second).toMatchObject({ ratePerSecond: 1, limit: 1, to: elsewhere });
    const again = await surehop([...resumed, '--yes'], { env });
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('give another --limit') });
    expect((await surehop([...resumed, '--limit', '5', '--rate', '9', '--yes'], { env })).code).toBe(0);
    expect((await auditLines()).at(-1)).toMatchObject({ options: { ratePerSecond: 9, limit: 5, to: elsewhere } });
    expect(await vhost.messages(dead)).toBe(0);
  });

  test('[--resume] of a run that edited asks for the same --edit', async () => {
    const module = join(folder, 'edit-again.mjs');
    await writeFile(module, 'export default ({ id }) => ({ content: Buffer.from(id) });\n');
    const asked = ['dlq', 'replay', queue, '--rate', '1', '--edit', module, '--yes'];
    await using command = new RunningCommand(asked, env);
    await expect.poll(() => vhost.messages(queue), { timeout: 20_000 }).toBeGreaterThan(0);
    command.interrupt();
    const run = /run ([\w-]+); --resume with it and the same --edit/.exec((await command.end()).stderr)?.[1] ?? '';
    const resumed = ['dlq', 'replay', queue, '--resume', run, '--yes'];
    const refused = await surehop(resumed, { env });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('go on with the same --edit') });
    expect((await surehop([...resumed, '--edit', module, '--rate', '100'], { env })).code).toBe(0);
    expect((await vhost.get(queue)).map(({ content }) => String(content))).toEqual(['m-1', 'm-2', 'm-3']);
  });
});

describe('surehop dlq discard and move', () => {
  test('take away, and put elsewhere, what is selected', async () => {
    await declareQueue(vhost, 'parked');
    const discarded = await surehop(['dlq', 'discard', queue, '--id', 'm-2', '--yes'], { env });
    expect(discarded).toMatchObject({ code: 0, stdout: `discarded 1 of 2 looked at in ${dead}\n` });
    const moved = await surehop(['dlq', 'move', queue, '--to', 'parked', '--limit', '1', '--yes'], { env });
    expect(moved).toMatchObject({ code: 0 });
    expect(moved.stdout).toContain('moved 1');
    expect(await vhost.messageIds('parked')).toEqual(['m-1']);
    expect(await vhost.messageIds(dead)).toEqual(['m-3']);
  });

  test('where nothing is selected nobody is asked; an id that is not there is told', async () => {
    const none = await surehop(['dlq', 'discard', queue, '--filter', 'attempts > 5'], { env });
    expect(none).toMatchObject({ code: 0, stdout: `would be discarded 0 of 3 looked at in ${dead}\n` });
    const missing = await surehop(['dlq', 'discard', queue, '--id', 'm-1', '--id', 'm-9', '--yes'], { env });
    expect(missing.code).toBe(4);
    expect(missing.stderr).toContain('not found: 1 of the ids');
    expect(await vhost.messageIds(dead)).toEqual(['m-2', 'm-3']);
  });

  test('a pass that its limit ended leaves the queue turned, says so, and is put right', async () => {
    await declareQueue(vhost, elsewhere);
    const asked = ['dlq', 'move', queue, '--to', elsewhere, '--filter', 'error.name = TypeError', '--all'];
    const end = await surehop([...asked, '--limit', '1', '--yes'], { env });
    expect(end.code).toBe(0);
    const run = String((await auditLines())[0]?.run);
    expect(end.stderr).toContain(
      `--resume ${run} with another --limit goes on; surehop dlq groups ${dead} --resume ${run}`,
    );
    expect(await vhost.messageIds(dead)).toEqual(['m-3', 'm-1']);
    const other = await surehop(['dlq', 'move', queue, '--to', queue, '--resume', run, '--yes'], { env });
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`sent messages to ${elsewhere}, and not to`),
    });
    expect((await surehop(['dlq', 'groups', dead, '--resume', run], { env })).code).toBe(0);
    expect(await vhost.messageIds(dead)).toEqual(['m-1', 'm-3']);
  });

  test('nothing is done without an answer', async () => {
    const end = await surehop(['dlq', 'discard', queue], { env });
    expect(end.code).toBe(2);
    expect(end.stderr).toMatch(/Discard 3 of 3 dead letters.*They cannot be had back/);
    expect(await vhost.messages(dead)).toBe(3);
  });
});

describe('surehop dlq export and import', () => {
  test('bring messages back as they were; a damaged line is told and kept', async () => {
    const file = join(folder, `${queue}.ndjson`);
    const exported = await surehop(['dlq', 'export', queue, '--file', file], { env });
    expect(exported).toMatchObject({ code: 0 });
    expect(exported.stdout).toMatch(/^exported 3 of 3 looked at in .*, [\d,]+ bytes\n$/);
    const before = await vhost.get(dead);
    await surehop(['dlq', 'discard', queue, '--yes'], { env });
    await writeFile(file, `${await readFile(file, 'utf8')}damaged\n`);
    const dry = await surehop(['dlq', 'import', file, '--dry-run'], { env });
    expect(dry).toMatchObject({ code: 4, stdout: 'would be imported: 3, damaged 1\n' });
    const asked = await surehop(['dlq', 'import', file], { env });
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain('Import 3 dead letters of');
    const imported = await surehop(['dlq', 'import', file, '--yes'], { env });
    expect(imported).toMatchObject({ code: 4, stdout: 'imported 3, damaged 1\n' });
    expect(imported.stderr).toContain('line 4: it is not JSON');
    expect(imported.stderr).toContain(`${file}.rejected`);
    const after = await vhost.get(dead);
    expect(after.map(({ content, properties }) => ({ content, properties }))).toEqual(
      before.map(({ content, properties }) => ({ content, properties })),
    );
    const again = await surehop(['dlq', 'import', file, '--yes'], { env });
    expect(again.stdout).toContain('imported before 3');
  });

  test('of everything is not begun where a queue has more than can be looked at: a discard may be next', async () => {
    const file = join(folder, 'never.ndjson');
    const long = `${queue}-long`;
    await onChannel(vhost, async (channel) => {
      await channel.assertQueue(long, { durable: true });
      for (let sent = 0; sent < 50_001; sent += 1) channel.sendToQueue(long, Buffer.from('1'));
      await channel.waitForConfirms();
    });
    const args = ['dlq', 'export', long, '--accept-delivery-count', '--file', file];
    const end = await surehop(args, { env });
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toMatch(/has 50,001 messages, and without --all the first 50,000 are exported: add --all/);
    await expect(readFile(file)).rejects.toThrow('ENOENT');
    expect((await surehop([...args, '--limit', '1'], { env })).code).toBe(0);
    await onChannel(vhost, (channel) => channel.deleteQueue(long));
  });

  test('to standard output; the report then goes to standard error', async () => {
    const { code, stdout, stderr } = await surehop(['dlq', 'export', queue, '--id', 'm-2'], { env });
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ v: 1, id: 'm-2', text: '{"id":"m-2"}' }]);
    expect(stderr).toContain('exported 1');
  });
});

test('a queue that does not exist is told with the nearest names, whoever was to send to it or take from it', async () => {
  const management = Object.assign(new URL(vhost.managementUrl), vhost.credentials);
  const asking = { ...env, AMQP_MANAGEMENT_URL: management.href };
  const typo = queue.replace('orders', 'oders');
  const file = join(folder, `${queue}-for-nobody.ndjson`);
  await surehop(['dlq', 'export', queue, '--file', file], { env });
  const commands = [
    ['publish', typo],
    ['consume', typo],
    ['dlq', 'replay', queue, '--to', typo, '--yes'],
    ['dlq', 'move', queue, '--to', typo, '--yes'],
    ['dlq', 'import', file, '--to', typo, '--yes'],
  ];
  for (const command of commands) {
    const { code, stderr } = await surehop(command, { env: asking, input: '{"body":1}\n' });
    expect({ command, code, stderr }).toEqual({
      command,
      code: 1,
      stderr: expect.stringMatching(new RegExp(`"${typo}".*Is it .*"${queue}"`)),
    });
  }
  const blind = await surehop(['publish', typo], { env, input: '{"body":1}\n' });
  expect(blind.stderr).toContain('--management-url would let the nearest names be told (SUREHOP_UNROUTABLE)');
  expect(await vhost.messages(dead)).toBe(3);
});

describe('surehop dlq list and groups, with --all', () => {
  test('go through the whole queue once that was confirmed, and say how to go on with it', async () => {
    const refused = await surehop(['dlq', 'groups', queue, '--all'], { env });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`Look through all 3 dead letters in ${dead}?`);
    const groups = await surehop(['dlq', 'groups', queue, '--all', '--yes', '--json'], { env });
    expect(JSON.parse(groups.stdout)).toMatchObject([{ count: 2 }, { count: 1 }]);
    const [begin] = await auditLines();
    expect(begin).toMatchObject({ event: 'begin', action: 'groups' });
    expect(groups.stderr).toContain(`run ${String(begin?.run)}; if it is stopped, --resume with it goes on\n`);
    // It came to its end: nothing is left for it to see.
    const again = await surehop(['dlq', 'groups', queue, '--resume', String(begin?.run), '--json'], { env });
    expect(JSON.parse(again.stdout)).toEqual([]);
    const list = await surehop(['dlq', 'list', queue, '--all', '--yes', '--limit', '2', '--json'], { env });
    expect(JSON.parse(list.stdout)).toMatchObject([{ id: 'm-1' }, { id: 'm-2' }]);
    expect(list.stderr).toContain(`2 shown of 3 in ${dead}; more are selected\n`);
    expect(await vhost.messageIds(dead)).toEqual(['m-1', 'm-2', 'm-3']);
    const other = await surehop(['dlq', 'list', queue, '--resume', String(begin?.run)], { env });
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toContain(`was a groups of ${dead}, and not a browse`);
  });
});
