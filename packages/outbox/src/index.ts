// The whole promise of semver, readable in one screen.
export {
  BodyInvalidError,
  type BodyIssue,
  type CloseOptions,
  type ConnectOptions,
  connect,
  DeadLetter,
  defineExchange,
  defineQueue,
  type ErrorCode,
  type ExchangeContract,
  errorCodes,
  type Handler,
  type HeaderTable,
  isSurehopError,
  type Logger,
  type OutboxMessage,
  type OutboxResult,
  type OutboxStats,
  type OutboxStore,
  type OutboxStoreContext,
  type PositionStore,
  type QueueContract,
  type Rabbit,
  type ReceivedMessage,
  type RelayHealth,
  type SequenceStore,
  type SetAsideMessage,
  SurehopError,
} from '@surehop/core';
export type { IdOf } from './inbox/identity.ts';
export { createInbox, type Inbox, type InboxHandler } from './inbox/inbox.ts';
export type { InboxOptions } from './inbox/inbox-options.ts';
export { createMemoryInbox, type MemoryInbox, type MemoryInboxOptions } from './inbox/memory-inbox.ts';
// Outbox and inbox on PostgreSQL.
export { type Migration, migrate, migrations, outboxSql, type SchemaOptions } from './postgres/migrations.ts';
export {
  createOutbox,
  type Outbox,
  type OutboxOptions,
  type OutboxPublishOptions,
  type OutboxReceipt,
} from './postgres/outbox.ts';
export { postgresOutbox } from './postgres/outbox-store.ts';
export { postgresPositions } from './postgres/position-store.ts';
export type { PostgresOutboxOptions } from './postgres/postgres-outbox-options.ts';
export type { ClientPool, PoolClient, Queryable } from './postgres/queryable.ts';
export { createRelay, type Relay } from './relay/relay.ts';
export type { RelayOptions } from './relay/relay-options.ts';
// Positions and sequences in an SQLite file.
export { openSequenceFile, type SequenceFile } from './sequence-file/sequence-file.ts';
// Spool.
export { createSpoolingPublisher } from './spool/create-spooling-publisher.ts';
export type { Damage } from './spool/damage.ts';
export type { SpoolPublishOptions } from './spool/draft.ts';
export type { SetAsideReason } from './spool/protocol.ts';
export type { ListSetAsideOptions, SetAsideSpoolMessage } from './spool/set-aside.ts';
export type { SpoolHealth } from './spool/spool-health.ts';
export type { SpoolOptions } from './spool/spool-options.ts';
export type { SpoolReceipt } from './spool/spool-receipt.ts';
export type { SpoolingPublisher } from './spool/spooling-publisher.ts';
