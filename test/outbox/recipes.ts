// What docs/outbox.md shows for each library, as it is there: a test holds the two together.
import type { Queryable } from '@surehop/outbox';
import { sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { CompiledQuery, type Transaction as KyselyTransaction } from 'kysely';
import type { TransactionSql } from 'postgres';

// recipe: Drizzle
type DrizzleTransaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];

export function inDrizzle(tx: DrizzleTransaction): Queryable {
  return {
    query: (text, params = []) => {
      const parts = text.split(/\$(\d+)/); // text, number, text, number, …
      const chunks = parts.map((part, index) => (index % 2 === 0 ? sql.raw(part) : sql`${params[Number(part) - 1]}`));
      return tx.execute(sql.join(chunks));
    },
  };
}
// end

// recipe: Kysely
export function inKysely(tx: KyselyTransaction<unknown>): Queryable {
  return { query: (text, params = []) => tx.executeQuery(CompiledQuery.raw(text, params)) };
}
// end

// recipe: Prisma
interface PrismaTransaction {
  $queryRawUnsafe<T>(text: string, ...params: unknown[]): Promise<T>;
}

export function inPrisma(tx: PrismaTransaction): Queryable {
  return { query: async (text, params = []) => ({ rows: await tx.$queryRawUnsafe<unknown[]>(text, ...params) }) };
}
// end

// recipe: postgres.js
export function inPostgresJs(tx: TransactionSql): Queryable {
  return { query: async (text, params = []) => ({ rows: await tx.unsafe(text, params as never[]) }) };
}
// end
