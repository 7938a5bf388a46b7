import { eventually } from '@surehop/testing';
import { expect, test } from 'vitest';
import { privateBroker } from '../private-broker.ts';
import { surehop } from './command.ts';

const broker = privateBroker();

test('[doctor] an alarm is told, over AMQP alone as well', async () => {
  await using vhost = await broker().vhost();
  await broker().nodes[0]?.ctl(['set_vm_memory_high_watermark', '0.000001']);
  const url = new URL(vhost.managementUrl);
  url.username = vhost.credentials.username;
  url.password = vhost.credentials.password;
  const alone = await eventually(async () => {
    const end = await surehop(['doctor'], { env: { AMQP_URL: vhost.url() } });
    expect(end.code).toBe(3);
    return end;
  }, 20_000);
  expect(alone.stdout).toMatch(/^error +alarms: the broker is short of memory or disk space, and blocks publishing$/m);
  const both = await surehop(['doctor'], { env: { AMQP_URL: vhost.url(), AMQP_MANAGEMENT_URL: url.href } });
  expect(both.stdout.match(/^error .*$/gm)).toEqual([
    expect.stringMatching(/short of memory on surehop-.*, and blocks publishing/),
  ]);
});
