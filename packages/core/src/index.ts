// The whole promise of semver, readable in one screen.
export { type Codec, jsonCodec } from './codec.ts';
export {
  defineExchange,
  defineQueue,
  type ExchangeContract,
  type ExchangeOptions,
  type QueueBinding,
  type QueueContract,
  type QueueOptions,
  type QueueType,
  type RetryPolicy,
} from './contract.ts';
export {
  BodyInvalidError,
  type BodyIssue,
  type ErrorCode,
  errorCodes,
  isSurehopError,
  NotSentError,
  type PublishFailure,
  PublishManyError,
  type PublishManyOutcome,
  RefusedError,
  SurehopError,
  TopologyMismatchError,
  UnknownOutcomeError,
  UnroutableError,
} from './errors.ts';
export { DeadLetter, type Handler, type ReceivedMessage, RetryLater, type RetryLaterOptions } from './handler.ts';
export type {
  ConsumerHealth,
  EntityHealth,
  EntityState,
  Health,
  LinkHealth,
  PublisherHealth,
  RelayHealth,
} from './health.ts';
export type { LinkState, StateListener, Unsubscribe } from './link-state.ts';
export type { Logger, LogMethod } from './logger.ts';
export type { Credentials, CredentialsSource } from './login.ts';
export type { HeaderTable, MessageProperties } from './message.ts';
export type { ConnectOptions, TopologyMode } from './options.ts';
export type {
  OutboxMessage,
  OutboxResult,
  OutboxStats,
  OutboxStore,
  OutboxStoreContext,
  SetAsideMessage,
} from './outbox-store.ts';
export { type CloseOptions, connect, type Rabbit } from './rabbit.ts';
