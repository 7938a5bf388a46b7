import { randomBytes } from 'node:crypto';
import { BrokerError } from '../errors.ts';
import { eventually } from '../eventually.ts';
import { Reaper } from '../reaper.ts';
import { versionAt } from './administration.ts';
import { LivePostgres } from './live-postgres.ts';
import type { Postgres } from './postgres.ts';

const image = 'postgres:17-alpine';
const startTimeoutMs = 60_000;
const label = 'surehop.testing';

/**
 * Starts PostgreSQL in a container. Which engine is asked, testcontainers finds out from the process's own environment.
 *
 * @throws {BrokerError} no package, no engine, no image, or no start within 60 s
 */
export async function startContainerPostgres(): Promise<Postgres> {
  const { GenericContainer, getContainerRuntimeClient, ImageName } = await load();
  const client = await getContainerRuntimeClient().catch((cause: unknown) => {
    throw new BrokerError(`No container engine answers: ${reasonOf(cause)}.`, { cause });
  });
  const id = randomBytes(4).toString('hex');
  const password = randomBytes(8).toString('hex');
  const reaper = new Reaper();
  reaper.add({ kind: 'containers', label: `${label}=${id}` });
  try {
    await within(startTimeoutMs, client.image.pull(ImageName.fromString(image)));
    const container = await new GenericContainer(image)
      .withLabels({ [label]: id })
      .withEnvironment({ POSTGRES_PASSWORD: password })
      .withExposedPorts(5432)
      .withStartupTimeout(startTimeoutMs)
      .start();
    const url = `postgresql://postgres:${password}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
    const version = await eventually(() => versionAt(url), startTimeoutMs);
    const description = `PostgreSQL ${version}, a container of ${image}`;
    const definition = { version, way: 'container', description, url, prefix: `surehop_${id}_` } as const;
    return new LivePostgres({ definition, end: () => reaper.close() });
  } catch (cause) {
    await reaper.close();
    throw new BrokerError(`The container of ${image} did not start: ${reasonOf(cause)}`, { cause });
  }
}

async function load(): Promise<typeof import('testcontainers')> {
  try {
    return await import('testcontainers');
  } catch (cause) {
    throw new BrokerError('The package testcontainers is not installed.', { cause });
  }
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs / 1_000} s`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
