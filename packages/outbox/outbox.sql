-- The tables of @surehop/outbox. Each migration stands under its name; apply those that are missing, in order.

-- 0001-outbox

CREATE SCHEMA IF NOT EXISTS surehop;

CREATE TABLE surehop.migration (
  name text PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row per key: whoever adds a message of the key holds its lock until the end of the transaction. A message takes its
-- position under that lock, so that the positions of a key grow in the order of the commits.
CREATE TABLE surehop.outbox_key (
  key text COLLATE "C" PRIMARY KEY,
  used_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

CREATE TABLE surehop.outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  message_id text COLLATE "C" NOT NULL UNIQUE,
  key text COLLATE "C" CHECK (key <> ''),
  exchange text NOT NULL,
  routing_key text NOT NULL,
  content bytea NOT NULL,
  properties json NOT NULL,
  headers json,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT '-infinity', -- never tried: due whatever the clock says
  error_code text,
  error text,
  set_aside_at timestamptz,
  sent_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- Bodies are often compressed already, or small: what is large goes beside the table as it is.
ALTER TABLE surehop.outbox ALTER COLUMN content SET STORAGE EXTERNAL;

-- What is due and has no key: first tries by position, later ones by time.
CREATE INDEX outbox_due ON surehop.outbox (due_at, position)
  WHERE sent_at IS NULL AND set_aside_at IS NULL AND key IS NULL;
-- The oldest unsent message of each key, and those behind it.
CREATE INDEX outbox_key_order ON surehop.outbox (key, position) WHERE sent_at IS NULL AND key IS NOT NULL;
CREATE INDEX outbox_set_aside ON surehop.outbox (position) WHERE set_aside_at IS NOT NULL;
CREATE INDEX outbox_sent ON surehop.outbox (sent_at) WHERE sent_at IS NOT NULL;

INSERT INTO surehop.migration (name) VALUES ('0001-outbox');

-- 0002-inbox

CREATE TABLE surehop.inbox (
  handler text COLLATE "C" NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  digest bytea NOT NULL, -- SHA-256 of the body
  handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (handler, message_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX inbox_handled ON surehop.inbox (handled_at);

INSERT INTO surehop.migration (name) VALUES ('0002-inbox');

-- 0003-position

-- How far somebody has come who goes through numbered things: a reader in a stream, a consumer in a sequence.
CREATE TABLE surehop.position (
  name text COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL,
  saved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

INSERT INTO surehop.migration (name) VALUES ('0003-position');

-- 0004-sequence

-- The last number of each sequence. Whoever takes the next one holds the row's lock until the end of the transaction.
CREATE TABLE surehop.sequence (
  name text COLLATE "C" PRIMARY KEY,
  run text NOT NULL,
  last bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

INSERT INTO surehop.migration (name) VALUES ('0004-sequence');

-- 0005-delay

-- When a message is to come that the broker is to delay; null for one that is to come at once. Relays send both at once.
ALTER TABLE surehop.outbox ADD COLUMN deliver_at timestamptz;

INSERT INTO surehop.migration (name) VALUES ('0005-delay');
