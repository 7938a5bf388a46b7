import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findCtl } from './ctl-program.ts';

const root = mkdtempSync(join(tmpdir(), 'surehop-ctl-'));

afterAll(() => rmSync(root, { recursive: true }));

/** PATH with a `rabbitmqctl` that tells of one node. */
function pathWith(name: string, comment = ''): string {
  const listeners = [
    { protocol: 'clustering', port: 25672 },
    { protocol: 'amqp', port: 5672 },
  ];
  const folder = join(root, name);
  const path = join(folder, 'rabbitmqctl');
  mkdirSync(folder);
  const status = JSON.stringify({ rabbitmq_version: '4.3.6', listeners });
  writeFileSync(path, `#!/bin/sh\n# ${comment}\necho '${status}'\n`);
  chmodSync(path, 0o755);
  return `${folder}:${process.env.PATH}`;
}

test('finds the program of the node that listens there, and hands on no more of the environment than it needs', async () => {
  const env = { PATH: pathWith('found'), HOME: '/root', RABBITMQ_NODENAME: 'rabbit@here', AMQP_URL: 'amqp://u:p@h' };

  const { AMQP_URL: _, ...needed } = env;
  expect(await findCtl('localhost', 5672, env)).toEqual({
    program: { path: join(root, 'found', 'rabbitmqctl'), env: needed, reparsesArguments: false },
    version: '4.3.6',
  });
});

test('knows the script that hands its arguments to a shell', async () => {
  const PATH = pathWith('debian', String.raw`arg=$(sed -e 's/"/\\"/g'`);
  expect((await findCtl('127.0.0.1', 5672, { PATH })).program.reparsesArguments).toBe(true);
});

test.each([
  ['another machine', '192.0.2.1', 5672, /have to run on 192\.0\.2\.1/],
  ['a port that the node does not listen on', '127.0.0.1', 25672, /does not listen on port 25672/],
])('refuses %s', async (what, host, port, message) => {
  await expect(findCtl(host, port, { PATH: pathWith(what) })).rejects.toThrow(message);
});

test('says when there is no program', async () => {
  await expect(findCtl('127.0.0.1', 5672, { PATH: root })).rejects.toThrow('There is no rabbitmqctl on PATH');
  await expect(findCtl('127.0.0.1', 5672, {})).rejects.toThrow('There is no rabbitmqctl on PATH');
});
