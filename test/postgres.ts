import { type PostgresDefinition, startPostgres } from '@surehop/testing';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** For `attachPostgres`. A file that runs and needs one always has it: `skip-without-broker.ts` sees to that. */
    postgres: PostgresDefinition;
  }
}

/**
 * Starts the one PostgreSQL of the whole run. Where none can be had, the files that need one are skipped, or the run fails
 * when `REQUIRE_POSTGRES=1`.
 */
export default async function start(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres().catch((error: Error) => error);
  if (postgres instanceof Error) {
    if (process.env.REQUIRE_POSTGRES === '1') throw postgres;
    process.stderr.write(
      `${postgres.message}\nTests of outbox and inbox are skipped. REQUIRE_POSTGRES=1 makes this a failure.\n`,
    );
    return async () => {};
  }
  project.provide('postgres', postgres.definition());
  return () => postgres.close();
}
