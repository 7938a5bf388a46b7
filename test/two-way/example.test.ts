import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

test('the example of docs/two-way.md has at most ten lines, and does what it says', async () => {
  const page = readFileSync(new URL('../../docs/two-way.md', import.meta.url), 'utf8');
  const [, example = ''] = /```js\n([\s\S]*?)```/.exec(page) ?? [];
  expect(example.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  await using vhost = await broker.vhost();
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', example], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, AMQP_URL: vhost.url() },
    timeout: 20_000,
  });
  expect(stdout).toBe('costs 38\n');
});
