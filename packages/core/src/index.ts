// The whole promise of semver, readable in one screen.
export { DeadLetteredError, NoAnswerError } from './answer-errors.ts';
export { type Codec, jsonCodec } from './codec.ts';
export {
  type BrokerRetry,
  type BrokerRetryOptions,
  defineExchange,
  defineQueue,
  type ExchangeContract,
  type ExchangeOptions,
  type ExponentialOptions,
  type ExponentialRetry,
  exponential,
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
  StreamOffsetGoneError,
  SurehopError,
  TopologyMismatchError,
  UnknownOutcomeError,
  UnroutableError,
} from './errors.ts';
export {
  DeadLetter,
  type Handler,
  type ReceivedMessage,
  RetryLater,
  type RetryLaterOptions,
  type StreamHandler,
  type StreamMessage,
} from './handler.ts';
export type {
  ConsumerHealth,
  ConsumerOrderHealth,
  EntityHealth,
  EntityState,
  Health,
  LinkHealth,
  PublisherHealth,
  ReaderHealth,
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
export { definePartitions, type PartitionedQueue, type PartitionOptions } from './partitions.ts';
export { memoryPositionStore, type PositionStore } from './position-store.ts';
export { type CloseOptions, connect, type Rabbit } from './rabbit.ts';
export type { SequencePoint } from './sequence-stamp.ts';
export type { SequenceStore, SequenceTicket, TakenNumber } from './sequence-store.ts';
export { defineStream, type StreamContract, type StreamOptions } from './stream-contract.ts';
