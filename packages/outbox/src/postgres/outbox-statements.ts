import { channelOf, quotedSchema } from './schema-name.ts';

/** Every statement on the way of a message, for one schema. `test/outbox/plans.test.ts` looks at how they are carried out. */
export interface OutboxStatements {
  readonly add: string;
  readonly addDelayed: string;
  readonly addInOrder: string;
  readonly takeNumber: string;
  readonly giveNumberBack: string;
  readonly sameMessage: string;
  readonly take: string;
  readonly markSent: string;
  readonly markFailed: string;
  readonly stats: string;
  readonly removeSent: string;
  readonly repairDue: string;
  readonly listSetAside: string;
  readonly retry: string;
  readonly discard: string;
}

/** In what of an outbox a bound count ends. */
const countedUpTo = 100_000;

/** @param passSetAside whether those behind a set-aside message of their key go on */
export function outboxStatements(schemaName: string, passSetAside: boolean): OutboxStatements {
  const schema = quotedSchema(schemaName);
  const outbox = `${schema}.outbox`;
  const channel = channelOf(schemaName);
  const inOrder = passSetAside ? 'sent_at IS NULL AND set_aside_at IS NULL' : 'sent_at IS NULL';
  const inside =
    'inside AS MATERIALIZED (SELECT $2::text AS key WHERE $9::boolean OR pg_current_xact_id_if_assigned() IS NOT NULL)';
  return {
    add: adding(outbox, channel, inside),
    addDelayed: adding(outbox, channel, inside, true),
    // The key's row is locked before the position is taken: the number is made for a row that has come out of "inside".
    addInOrder: adding(
      outbox,
      channel,
      `inside AS MATERIALIZED (
        INSERT INTO ${schema}.outbox_key (key)
        SELECT $2::text WHERE $9::boolean OR pg_current_xact_id_if_assigned() IS NOT NULL
        ON CONFLICT (key) DO UPDATE SET used_at = clock_timestamp()
        RETURNING key
      )`,
    ),
    takeNumber: `INSERT INTO ${schema}.sequence AS s (name, run, last)
      SELECT $1::text, $2::text, 1 WHERE $3::boolean OR pg_current_xact_id_if_assigned() IS NOT NULL
      ON CONFLICT (name) DO UPDATE SET last = s.last + 1
      RETURNING run, last::text`,
    giveNumberBack: `UPDATE ${schema}.sequence SET last = last - 1 WHERE name = $1::text`,
    sameMessage: `SELECT content = $2::bytea AND exchange = $3::text AND routing_key = $4::text AS same
      FROM ${outbox} WHERE message_id = $1::text`,
    take: taking(outbox, inOrder),
    markSent: `UPDATE ${outbox} SET sent_at = clock_timestamp() WHERE position = ANY ($1::bigint[])`,
    markFailed: `UPDATE ${outbox} AS o
      SET attempts = o.attempts + 1, error_code = f.code, error = f.error,
        due_at = now() + make_interval(secs => f.delay_ms / 1000.0),
        set_aside_at = CASE WHEN f.aside THEN now() END
      FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[], $5::boolean[])
        AS f (position, code, error, delay_ms, aside)
      WHERE o.position = f.position`,
    stats: `SELECT count(*)::int AS depth,
        coalesce(greatest(0, extract(epoch FROM clock_timestamp() - min(created_at)) * 1000), 0)::float8 AS oldest_ms,
        (SELECT count(*)::int FROM (SELECT FROM ${outbox} WHERE set_aside_at IS NOT NULL LIMIT ${countedUpTo}) s) AS set_aside
      FROM (
        (SELECT created_at FROM ${outbox} WHERE sent_at IS NULL AND set_aside_at IS NULL AND key IS NULL
          ORDER BY due_at, position LIMIT ${countedUpTo})
        UNION ALL
        (SELECT created_at FROM ${outbox} WHERE sent_at IS NULL AND set_aside_at IS NULL AND key IS NOT NULL
          ORDER BY key, position LIMIT ${countedUpTo})
        LIMIT ${countedUpTo}
      ) AS waiting`,
    removeSent: `WITH removed AS MATERIALIZED (
        DELETE FROM ${outbox} WHERE position = ANY (ARRAY(
          SELECT position FROM ${outbox} WHERE sent_at IS NOT NULL AND sent_at < $1::timestamptz
          ORDER BY sent_at LIMIT $2::int FOR UPDATE SKIP LOCKED))
        RETURNING key
      ), unused AS (
        DELETE FROM ${schema}.outbox_key WHERE key = ANY (ARRAY(
          SELECT k.key FROM ${schema}.outbox_key k
          WHERE k.key = ANY (ARRAY(SELECT DISTINCT key FROM removed WHERE key IS NOT NULL))
            AND k.used_at < $1::timestamptz
          FOR UPDATE SKIP LOCKED))
      )
      SELECT count(*)::int AS removed FROM removed`,
    // A clock that was set back must not keep a retry waiting until it has caught up.
    repairDue: `UPDATE ${outbox} SET due_at = now()
      WHERE position = ANY (ARRAY(
        SELECT position FROM ${outbox} WHERE sent_at IS NULL AND set_aside_at IS NULL AND key IS NULL
          AND due_at > now() + make_interval(secs => $1::float8 / 1000.0) LIMIT 1000))`,
    listSetAside: `SELECT position::text, message_id, key, exchange, routing_key, attempts, error_code, error, created_at,
        set_aside_at
      FROM ${outbox} WHERE set_aside_at IS NOT NULL AND position > $1::bigint ORDER BY position LIMIT $2::int`,
    retry: `WITH again AS (
        UPDATE ${outbox} SET set_aside_at = NULL, attempts = 0, due_at = '-infinity'
        WHERE position = ANY ($1::bigint[]) AND set_aside_at IS NOT NULL RETURNING position
      )
      SELECT count(*)::int AS changed, pg_notify('${channel}', '') IS NULL AS told FROM again`,
    discard: `WITH gone AS (
        DELETE FROM ${outbox} WHERE position = ANY ($1::bigint[]) AND set_aside_at IS NOT NULL RETURNING position
      )
      SELECT count(*)::int AS changed, pg_notify('${channel}', '') IS NULL AS told FROM gone`,
  };
}

/**
 * Adds nothing, and says so, where no transaction can be told; nothing either where the message id is there already.
 *
 * @param isDelayed $10 is its delay in milliseconds: the moment is by the database's clock, as is what is left of it
 */
function adding(outbox: string, channel: string, inside: string, isDelayed = false): string {
  const [column, moment] = isDelayed
    ? [', deliver_at', ', clock_timestamp() + make_interval(secs => $10::float8 / 1000.0)']
    : ['', ''];
  return `WITH ${inside}, added AS (
      INSERT INTO ${outbox} (message_id, key, exchange, routing_key, content, properties, headers${column})
      SELECT $1::text, inside.key, $3::text, $4::text, $5::bytea, $6::text::json, $7::text::json${moment} FROM inside
      ON CONFLICT (message_id) DO NOTHING
      RETURNING position
    )
    SELECT EXISTS (SELECT FROM inside) AS inside, EXISTS (SELECT FROM added) AS added,
      (SELECT $8::boolean AND pg_notify('${channel}', '') IS NULL FROM added) AS told`;
}

/**
 * What is due, locked so that no other relay takes it. $1 how many at most, $2 how many of them retries, $3 the key to go
 * on behind, $4 how many of one key, $5 bytes, $6 the longest delay of a retry in milliseconds.
 *
 * Of a key only the oldest message is locked: whoever has it has the key, since no other relay begins anywhere else. The
 * walk from key to key reads one entry of the index for each, however many messages a key has.
 */
function taking(outbox: string, inOrder: string): string {
  // A clock that was set back makes no delay longer than it was.
  const left = 'least(m.deliver_at - clock_timestamp(), m.deliver_at - m.created_at)';
  const due = '(due_at <= now() OR due_at > now() + make_interval(secs => $6::float8 / 1000.0))';
  const first = (after: string): string => `(SELECT key, position, due_at, set_aside_at FROM ${outbox}
        WHERE ${inOrder} AND key > ${after} ORDER BY key, position LIMIT 1)`;
  return `WITH RECURSIVE head AS (
      ${first('$3::text')}
      UNION ALL
      SELECT next.* FROM head CROSS JOIN LATERAL ${first('head.key')} AS next
    ), candidate AS MATERIALIZED (
      SELECT key, position FROM head WHERE set_aside_at IS NULL AND ${due} LIMIT $1::int
    ), keyed AS MATERIALIZED (
      SELECT key, position FROM ${outbox}
      WHERE position = ANY (ARRAY(SELECT position FROM candidate)) AND sent_at IS NULL AND set_aside_at IS NULL AND ${due}
      FOR UPDATE SKIP LOCKED
    ), fresh AS MATERIALIZED (
      SELECT position FROM ${outbox}
      WHERE sent_at IS NULL AND set_aside_at IS NULL AND key IS NULL AND due_at = '-infinity'
      ORDER BY position LIMIT $1::int FOR UPDATE SKIP LOCKED
    ), again AS MATERIALIZED (
      SELECT position FROM ${outbox}
      WHERE sent_at IS NULL AND set_aside_at IS NULL AND key IS NULL AND due_at > '-infinity' AND due_at <= now()
      ORDER BY due_at LIMIT $2::int FOR UPDATE SKIP LOCKED
    ), taken AS (
      SELECT position FROM fresh UNION ALL SELECT position FROM again UNION ALL
      SELECT behind.position FROM keyed CROSS JOIN LATERAL (
        SELECT position FROM ${outbox} WHERE key = keyed.key AND ${inOrder} ORDER BY key, position
        LIMIT (SELECT least($4::int, greatest(1, 2 * $1::int / greatest(1, count(*)::int))) FROM keyed)
      ) AS behind
    ), sized AS (
      SELECT o.*, sum(octet_length(o.content)) OVER (ORDER BY o.position) - octet_length(o.content) AS bytes_before
      FROM ${outbox} AS o WHERE o.position = ANY (ARRAY(SELECT position FROM taken))
    )
    SELECT walk.found, walk.reached, m.position::text, m.message_id, m.key, m.exchange, m.routing_key, m.content,
      m.properties::text, m.headers::text, m.attempts, m.set_aside_at IS NOT NULL AS set_aside,
      CASE WHEN m.deliver_at IS NOT NULL THEN (extract(epoch FROM ${left}) * 1000)::float8 END AS delay_ms
    FROM (SELECT count(*)::int AS found, max(key) AS reached FROM candidate) AS walk
    LEFT JOIN (SELECT * FROM sized WHERE bytes_before < $5::bigint) AS m ON true
    ORDER BY m.position`;
}
