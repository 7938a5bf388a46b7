import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const example = fileURLToPath(new URL('example.ts', import.meta.url));

test('the example of docs/resequencing.md is the one that runs, in at most ten lines, and prints the steps in their order', async () => {
  const page = readFileSync(new URL('../../docs/resequencing.md', import.meta.url), 'utf8');
  expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  expect(page).toContain(`\`\`\`ts\n${readFileSync(example, 'utf8')}\`\`\``);
  await using vhost = await broker.vhost();
  const env = { ...process.env, AMQP_URL: vhost.url() };
  const { stdout } = await promisify(execFile)(process.execPath, [example], { env, timeout: 20_000 });
  expect(stdout.trim().split('\n')).toEqual(['placed', 'paid', 'shipped']);
}, 60_000);
