import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { attachBroker, type Broker, eventually, startBroker } from '@surehop/testing';
import { expect, inject, test } from 'vitest';
import { vhostNames } from '../vhost-names.ts';

const run = attachBroker(inject('broker'));
const env = { AMQP_URL: run.url(), AMQP_MANAGEMENT_URL: run.managementUrl, PATH: process.env.PATH };

function given(): Promise<Broker> {
  return startBroker({ kind: 'url', env, log: () => {} });
}

function vhosts(): Promise<string[]> {
  return vhostNames(run);
}

test('the broker of AMQP_URL is used and left as it was', async () => {
  const broker = await given();
  const { name } = await broker.vhost();
  const attached = await attachBroker(broker.definition()).vhost(); // by another process, which never closes it

  expect(broker).toMatchObject({ way: 'url', version: run.version, port: run.port, managementUrl: run.managementUrl });
  expect(broker.description).toMatch(/, from AMQP_URL, with own virtual hosts by (the management API|rabbitmqctl)$/);
  expect(Object.values(broker.can)).not.toContain(true);
  await expect(broker.nodes[0]?.kill()).rejects.toThrow(/cannot be killed from here.*kind: 'node'/);
  expect(await vhosts()).toEqual(expect.arrayContaining([name, attached.name]));

  await broker.close();

  expect(await vhosts()).not.toContain(name);
  expect(await vhosts()).not.toContain(attached.name);
});

test('a process that is killed leaves no virtual host there', async () => {
  const program = fileURLToPath(new URL('./abandoned-vhost.ts', import.meta.url));
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const exited = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const name = String(line).trim();
  expect(await vhosts()).toContain(name);

  child.kill('SIGKILL');
  await exited;

  await eventually(async () => expect(await vhosts()).not.toContain(name));
});

test('a user who is no administrator gets unique names in the virtual host of the URL', async () => {
  await using vhost = await run.vhost();
  const user = await vhost.addUser('plain', 'secret', { read: '.*', tags: 'management' });

  await using broker = await startBroker({
    kind: 'url',
    env: { ...env, AMQP_URL: user.url(), PATH: '' },
    log: () => {},
  });
  await using shared = await broker.vhost();

  expect(broker.description).toContain(`with unique names in its virtual host "${vhost.name}"`);
  expect(shared).toMatchObject({ isShared: true, name: vhost.name });
  expect(broker.url()).toBe(user.url());
});

test('a user with a wrong password is told so', async () => {
  const { host, port, credentials } = run;
  const refusal = startBroker({
    kind: 'url',
    env: { ...env, AMQP_URL: `amqp://${credentials.username}:wrong@${host}:${port}` },
  });

  await expect(refusal).rejects.toThrow(/none of three ways[\s\S]*unique names[\s\S]*ACCESS_REFUSED/);
});
