import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const example = fileURLToPath(new URL('example.ts', import.meta.url));

test('the example of docs/streams.md is the one that runs, in at most ten lines: two readers, each from its place', async () => {
  const page = readFileSync(new URL('../../docs/streams.md', import.meta.url), 'utf8');
  expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  expect(page).toContain(`\`\`\`ts\n${readFileSync(example, 'utf8')}\`\`\``);
  await using vhost = await broker.vhost();
  const env = { ...process.env, AMQP_URL: vhost.url() };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [example], { env, timeout: 20_000 });
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  expect(lines.filter((line) => line.startsWith('bill'))).toEqual(['bill 0 7', 'bill 1 8', 'bill 2 9']);
  expect(lines.filter((line) => line.startsWith('index'))).toEqual(['index 8', 'index 9']);
}, 60_000);
