import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attachBroker } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { sampleOrders } from '../../examples/demo/sample-orders.ts';
import { environmentFor, Program } from './program.ts';

const broker = attachBroker(inject('broker'));
const env = environmentFor(broker);

describe('examples/demo', { timeout: 120_000 }, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'surehop demo '));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await broker.close();
  });

  /** @returns the path of a file with so many orders */
  function fileOf(count: number, name = `${count}.ndjson`): string {
    const path = join(folder, name);
    writeFileSync(path, [...sampleOrders(count)].map((order) => `${JSON.stringify(order)}\n`).join(''));
    return path;
  }

  test.each([1, 2])('accounts for every event through a cut and a kill, seed %i', async (seed) => {
    const ledger = join(folder, `ledger ${seed}.ndjson`);
    await using demo = new Program(
      'demo/main.ts',
      [fileOf(300), '--seed', `${seed}`, '--json', '--ledger', ledger],
      env,
    );
    expect(await demo.end(), demo.stdout + demo.stderr).toEqual({ code: 0, signal: null });

    const last = JSON.parse(demo.stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(Object.keys(last)).toEqual([
      'published',
      'confirmed',
      'handled',
      'retried',
      'deadLettered',
      'duplicates',
      'lost',
      'brokerVersion',
      'seconds',
    ]);
    expect(last).toMatchObject({ published: 300, confirmed: 300, lost: 0, brokerVersion: broker.version });
    expect(last.handled + last.deadLettered).toBe(300);
    expect(last.retried).toBeGreaterThan(0);

    expect(demo.stdout).toMatch(/fault: every connection is cut/);
    expect(demo.stdout).toMatch(/fault: kill -9 of the consumer process/);
    expect(demo.stdout).toMatch(/published 300\/300 .* connections: publisher \w+, consumer \w+/);
    expect(demo.stdout).toMatch(/lost 0\n/);
    const outcomes = readFileSync(ledger, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).outcome);
    expect(Map.groupBy(outcomes, (outcome) => outcome).get('handled')).toHaveLength(last.handled);
  });

  test('reports bad lines with their numbers and goes on with the rest', async () => {
    const path = fileOf(4, 'some bad.ndjson');
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, [lines[0], '{"id": 1', lines[1], '17', lines[2], lines[3]].join('\n'));
    await using demo = new Program('demo/main.ts', [path, '--json'], env);
    expect(await demo.end(), demo.stderr).toEqual({ code: 0, signal: null });
    expect(demo.stderr).toMatch(/^line 2: no JSON: /m);
    expect(demo.stderr).toMatch(/^line 4: no JSON object but a number$/m);
    expect(demo.jsonLines().at(-1)).toMatchObject({ published: 4, lost: 0 });
  });

  test('says why each dead letter died', async () => {
    await using demo = new Program('demo/main.ts', ['--json'], env);
    expect(await demo.end(), demo.stderr).toEqual({ code: 0, signal: null });
    expect(demo.stdout).toMatch(
      /attempts used up \(failed\), after 4 attempts: Error: the address cannot be found\n +\d+/,
    );
    expect(demo.stdout).toMatch(
      /given up by the handler \(dead-letter\), after 1 attempt: DeadLetter: the card was declined\n +\d+/,
    );
    expect(demo.jsonLines().at(-1)).toMatchObject({ published: 1_200, lost: 0 });
  });

  test('exits with 1 and says what is missing when nothing moves any more', async () => {
    await using demo = new Program('demo/main.ts', [fileOf(5_000), '--json', '--stall-seconds', '3'], env);
    const pid = Number(await demo.said(/the consumer process runs again, as (\d+)/));
    process.kill(pid, 'SIGSTOP'); // the demo ends it with kill -9
    expect(await demo.end(), demo.stderr).toEqual({ code: 1, signal: null });
    const { published, handled, deadLettered, lost } = demo.jsonLines().at(-1) as Record<string, number>;
    expect(lost).toBeGreaterThan(0);
    expect(published).toBe((handled ?? 0) + (deadLettered ?? 0) + (lost ?? 0));
    expect(demo.stdout).toMatch(/FAILED: nothing moved any more/);
  });

  // Longer than the longest retry delay, 2 s: where only retries are left, nothing moves meanwhile.
  test('takes a consumer process that is slow to start for no standstill', async () => {
    const late = 'if (process.env.DEMO_AMQP_URL) await new Promise((started) => setTimeout(started, 5000))';
    await using demo = new Program('demo/main.ts', [fileOf(300), '--stall-seconds', '4'], {
      ...env,
      NODE_OPTIONS: `--import "data:text/javascript,${late}"`,
    });
    expect(await demo.end(), demo.stdout + demo.stderr).toEqual({ code: 0, signal: null });
  });

  test('cleans up and exits with 130 when it is interrupted', async () => {
    await using demo = new Program('demo/main.ts', [fileOf(5_000)], env);
    await demo.said(/published \d+\/5000/);
    demo.kill('SIGINT');
    expect(await demo.end()).toEqual({ code: 130, signal: null });
    expect(demo.stderr).toMatch(/Interrupted/);
  });

  test.each([
    [['--nonsense'], 2, /Unknown option '--nonsense'/],
    [['no such file.ndjson'], 2, /no such file\.ndjson cannot be read/],
    [['--seed', 'x'], 2, /--seed must be a whole number/],
  ])('%j is refused with exit code %i', async (args, code, message) => {
    await using demo = new Program('demo/main.ts', args, env);
    expect(await demo.end()).toEqual({ code, signal: null });
    expect(demo.stderr).toMatch(message);
  });

  test('an input without events is refused', async () => {
    const path = join(folder, 'empty.ndjson');
    writeFileSync(path, '\n\n');
    await using demo = new Program('demo/main.ts', [path], env);
    expect(await demo.end()).toEqual({ code: 2, signal: null });
    expect(demo.stderr).toMatch(/there is no event in/);
  });

  test('says how it is used, and which exit codes there are', async () => {
    await using demo = new Program('demo/main.ts', ['--help'], env);
    expect(await demo.end()).toEqual({ code: 0, signal: null });
    expect(demo.stdout).toMatch(/--seed N[\s\S]*Exit code: 0/);
  });

  test('without a broker says so with exit code 3', async () => {
    const nowhere = { SUREHOP_BROKER: 'url', AMQP_URL: 'amqp://127.0.0.1:1' };
    await using demo = new Program('demo/main.ts', [fileOf(3)], nowhere);
    expect(await demo.end()).toEqual({ code: 3, signal: null });
    expect(demo.stderr).toMatch(/Nothing answers AMQP at 127\.0\.0\.1:1/);
  });
});
