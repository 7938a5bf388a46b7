import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type BrokerDefinition, startBroker } from '@surehop/testing';
import type { TestProject } from 'vitest/node';
import { assertNothingIsLeft, assertNoVhostIsLeft, openRunFolder } from './leftovers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** For `attachBroker`. A file that runs always has one: `skip-without-broker.ts` sees to that. */
    broker: BrokerDefinition;
    /** Whether tests may start nodes of their own: `rabbitmq-server` is there, or can be installed. */
    ownNodes: boolean;
  }
}

/**
 * Starts the one broker of the whole run. Where none can be had, the files that need one are skipped, or the run fails
 * when `REQUIRE_BROKER=1`. `SUREHOP_EXPECT_VERSION=4.3` makes the run fail on any other release.
 */
export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const folder = openRunFolder();
  const broker = await startBroker().catch((error: Error) => error);
  if (broker instanceof Error) {
    if (process.env.REQUIRE_BROKER === '1') {
      await assertNothingIsLeft(folder).catch(() => {}); // why there is no broker matters more
      throw broker;
    }
    process.stderr.write(
      `${broker.message}\nThe integration tests are skipped. REQUIRE_BROKER=1 makes this a failure.\n`,
    );
    return () => assertNothingIsLeft(folder);
  }

  if (broker.definition().administration.by === 'nobody') {
    const { description } = broker;
    await broker.close();
    throw new Error(
      `These tests need virtual hosts of their own, and cannot be run on ${description}. Give AMQP_URL an administrator of the management API, let rabbitmqctl be on PATH on the broker's machine, or unset AMQP_URL.`,
    );
  }

  const close = async (): Promise<void> => {
    try {
      await assertNoVhostIsLeft(broker);
    } finally {
      await broker.close();
      await assertNothingIsLeft(folder);
    }
  };

  const expected = process.env.SUREHOP_EXPECT_VERSION;
  if (expected !== undefined && !`${broker.version}.`.startsWith(`${expected}.`)) {
    await close();
    throw new Error(`expected RabbitMQ ${expected}, got ${broker.description}`);
  }
  project.provide('broker', broker.definition());
  project.provide('ownNodes', process.env.REQUIRE_BROKER === '1' || canHaveNodes());
  return close;
}

function canHaveNodes(): boolean {
  const folders = (process.env.PATH ?? '').split(':');
  if (folders.some((folder) => existsSync(join(folder, 'rabbitmq-server')))) return true;
  if (!existsSync('/usr/bin/apt-get')) return false;
  return process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true']).status === 0;
}
