import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const example = fileURLToPath(new URL('example.ts', import.meta.url));

test('the example of docs/order.md is the one that runs, in at most ten lines, and handles what was published in its order', async () => {
  const page = readFileSync(new URL('../../docs/order.md', import.meta.url), 'utf8');
  expect(readFileSync(example, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  expect(page).toContain(`\`\`\`ts\n${readFileSync(example, 'utf8')}\`\`\``);
  await using vhost = await broker.vhost();
  const child = spawn(process.execPath, [example], { env: { ...process.env, AMQP_URL: vhost.url() } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  try {
    await eventually(() => expect(`${out}${err}`).toBe('ada 1\nada 2\nada 3\n'), 15_000);
  } finally {
    child.kill('SIGTERM');
  }
  await once(child, 'exit');
  expect(await vhost.messages('steps')).toBe(0);
});
