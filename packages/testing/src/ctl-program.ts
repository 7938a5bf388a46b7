import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import type { ProgramDefinition } from './broker.ts';
import { runCtl } from './ctl.ts';
import { BrokerError } from './errors.ts';
import { isProgram } from './release.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The node that `rabbitmqctl` talks to. */
export interface CtlNode {
  readonly program: ProgramDefinition;
  /** RabbitMQ's. */
  readonly version: string;
}

/**
 * The `rabbitmqctl` on PATH, when the node that it talks to is the one that listens at this address.
 *
 * @throws {BrokerError} it is not, or the program is not there or may not be used, with the reason
 */
export async function findCtl(host: string, port: number, env: Environment): Promise<CtlNode> {
  if (!(await isThisMachine(host))) throw new BrokerError(`rabbitmqctl would have to run on ${host}, not here.`);
  const path = programOnPath(env.PATH ?? '');
  if (path === undefined) throw new BrokerError('There is no rabbitmqctl on PATH.');
  const program = { path, env: environmentFor(env), reparsesArguments: reparsesArguments(path) };
  const status = JSON.parse(await runCtl(program, ['status', '--formatter', 'json'])) as Status;
  // Otherwise it is the node of somebody else, in whom nothing may be made.
  if (!status.listeners.some((listener) => listener.protocol === 'amqp' && listener.port === port)) {
    throw new BrokerError(`The node that ${path} talks to does not listen on port ${port}.`);
  }
  return { program, version: status.rabbitmq_version };
}

interface Status {
  readonly rabbitmq_version: string;
  readonly listeners: readonly { readonly protocol: string; readonly port: number }[];
}

async function isThisMachine(host: string): Promise<boolean> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  try {
    const found = await lookup(host, { all: true });
    return found.some(
      ({ address }) => /^127\.|^::1$/.test(address) || own.some((interfaced) => interfaced.address === address),
    );
  } catch {
    return false;
  }
}

function programOnPath(path: string): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'rabbitmqctl')).find(isProgram);
}

/** Nothing more than it needs, since it is handed on with the broker's definition. */
function environmentFor(env: Environment): Record<string, string> {
  const needed = /^(?:PATH|HOME|USER|LANG|LC_\w+|RABBITMQ_\w+|ERL_\w+)$/;
  const entries = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && needed.test(name) ? [[name, value] as const] : [],
  );
  return Object.fromEntries(entries);
}

/** The script that Debian has on PATH becomes the user `rabbitmq` by `su -c`, and escapes `"` and nothing else. */
function reparsesArguments(path: string): boolean {
  return readFileSync(path, 'latin1').includes(String.raw`s/"/\\"/g`);
}
