import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { attachBroker } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { onChannel, ours } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const example = fileURLToPath(new URL('example.ts', import.meta.url));

test('the example of the README is the one that runs, and says what died of what', async () => {
  const readme = readFileSync(new URL('../../packages/dead-letters/README.md', import.meta.url), 'utf8');
  expect(readme).toContain(`\`\`\`ts\n${readFileSync(example, 'utf8')}\`\`\``);
  await using vhost = await broker.vhost();
  const failedAt = new Date().toISOString();
  await onChannel(vhost, async (channel) => {
    await channel.assertQueue('orders.dead-letter', { arguments: ours });
    for (const [index, message] of ['order 42 not found', 'order 43 not found', 'disk full'].entries()) {
      const headers = {
        'surehop-reason': 'failed',
        'surehop-attempt': index + 2,
        'surehop-failed-at': failedAt,
        'surehop-error-name': 'Error',
        'surehop-error-message': message,
      };
      channel.sendToQueue('orders.dead-letter', Buffer.from('{}'), { messageId: `m-${index}`, headers });
    }
    await channel.waitForConfirms();
  });
  const env = { ...process.env, AMQP_URL: vhost.url() };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [example], { env, timeout: 20_000 });
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^2 Error order # not found [0-9a-f]{12}$/);
  expect(lines[1]).toMatch(/^1 Error disk full [0-9a-f]{12}$/);
  expect(lines.slice(2)).toEqual(['m-1 orders order 43 not found', 'm-2 orders disk full']);
}, 60_000);
