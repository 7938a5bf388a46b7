import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Broker } from '@surehop/testing';

const run = promisify(execFile);

/** Names of all virtual hosts of a broker, as whoever administers it tells. */
export async function vhostNames(broker: Broker): Promise<string[]> {
  const { administration } = broker.definition();
  const rows = administration.by === 'rabbitmqctl' ? await byCtl(administration.program) : await byManagement(broker);
  return rows.map(({ name }) => name);
}

type Rows = readonly { readonly name: string }[];

async function byCtl({ path, env }: { path: string; env: Readonly<Record<string, string>> }): Promise<Rows> {
  const { stdout } = await run(path, ['--quiet', 'list_vhosts', 'name', '--formatter', 'json'], { env });
  return JSON.parse(stdout) as Rows;
}

async function byManagement({ managementUrl, credentials }: Broker): Promise<Rows> {
  const { username, password } = credentials;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const response = await fetch(`${managementUrl}/api/vhosts`, { headers: { authorization } });
  return (await response.json()) as Rows;
}
