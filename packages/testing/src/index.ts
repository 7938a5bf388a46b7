export { attachBroker } from './attached-broker.ts';
export type {
  Administration,
  Broker,
  BrokerDefinition,
  BrokerNode,
  BrokerWay,
  Capabilities,
  NodeDefinition,
  ProgramDefinition,
  StartBrokerOptions,
} from './broker.ts';
export type { Credentials } from './credentials.ts';
export { BrokerError, BrokerUnavailableError, PostgresUnavailableError } from './errors.ts';
export { eventually } from './eventually.ts';
export type { ProxyTarget } from './fault-proxy.ts';
export { FaultProxy } from './fault-proxy.ts';
export type { Alarm, QueueCounts, QueuedMessage } from './memory/memory-broker.ts';
export {
  createTestBroker,
  type TestBroker,
  type TestBrokerOptions,
  type TestMessage,
  type TestPublish,
} from './memory/test-broker.ts';
export { freePort } from './port.ts';
export type { Database, Postgres, PostgresDefinition, PostgresWay, StartPostgresOptions } from './postgres/postgres.ts';
export { attachPostgres, startPostgres } from './postgres/start-postgres.ts';
export type { Direction } from './proxied-lane.ts';
export { startBroker } from './start.ts';
export type { Permissions, QueueInfo, StoredMessage, UniqueOptions, Vhost, VhostUser } from './vhost.ts';
