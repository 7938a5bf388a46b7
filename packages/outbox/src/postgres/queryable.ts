/**
 * What runs one statement in the caller's transaction: a client of `pg` after `BEGIN`, or three lines around what another
 * library calls a transaction (docs/outbox.md has them for Drizzle, Kysely, Prisma and postgres.js).
 */
export interface Queryable {
  query(text: string, params?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** A client of `pg`, as a pool lends it. */
export interface PoolClient extends Queryable {
  query(text: string, params?: unknown[]): Promise<{ readonly rows: readonly unknown[]; readonly command?: string }>;
  /** @param destroy ends the connection instead of giving it back */
  release(destroy?: boolean | Error): void;
  // biome-ignore lint/suspicious/noExplicitAny: what pg's many overloads have in common
  on(event: any, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: any, listener: (...args: any[]) => void): unknown;
}

/** A pool of `pg`, or what lends clients like it. */
export interface ClientPool<C extends PoolClient = PoolClient> {
  connect(): Promise<C>;
}
