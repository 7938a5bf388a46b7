import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { type Broker, startBroker } from '@surehop/testing';
import { enterRelease } from '../release-folder.mjs';

const folder = process.env.RABBITMQ_RELEASES && resolve(process.env.RABBITMQ_RELEASES);

/** Folders of RABBITMQ_RELEASES that are named after a release. */
export function releaseNames(): string[] {
  if (!folder || !existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^\d+\.\d+$/.test(name))
    .sort();
}

/** @param release of `releaseNames()`. Undefined: whatever `startBroker()` gives */
export async function withBroker<T>(
  release: string | undefined,
  log: (line: string) => void,
  use: (broker: Broker) => Promise<T>,
): Promise<T> {
  const entered = release === undefined || !folder ? undefined : enterRelease(join(folder, release), release);
  const path = entered && `${entered.folder}${delimiter}${process.env.PATH}`;
  const env = path === undefined ? process.env : { ...process.env, AMQP_URL: undefined, PATH: path };
  try {
    await using broker = await startBroker({ log, env, ...(entered && { kind: 'node' as const }) });
    return await use(broker);
  } finally {
    entered?.leave();
  }
}
