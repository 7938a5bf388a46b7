// For @surehop/* only, no semver; every line says who needs it.

export { Aborts } from './aborts.ts'; // publisher, consumer
export { AckWindow } from './ack-window.ts'; // consumer, dead-letters
export {
  type Answer,
  type AnswerBody,
  answeredId,
  answerHeader,
  answerWanted,
  deadLetteredAnswer,
  handledAnswer,
  readAnswer,
  unencodableAnswer,
  wantsAnswer,
} from './answer.ts'; // publisher, consumer
export { type Backoff, fullJitter } from './backoff.ts'; // publisher, consumer, outbox
export { brokerTraits } from './broker-version.ts'; // cli, dead-letters, the test that holds the README's table of brokers
export { ConfirmedChannel, type ConfirmedChannelOptions, type Outcome, type Sending } from './confirmed-channel.ts'; // publisher, consumer
export { Deadlines, type WithDeadline } from './deadlines.ts'; // publisher, consumer, outbox
export { longestNetworkDelayMs } from './delay-limits.ts'; // publisher, consumer
export {
  type DelayTarget,
  delayEntrance,
  delayGateName,
  delayHeaders,
  delayKey,
  delayParking,
  delayWay,
  isDelayHeader,
  levelsFor,
  mostDelayHeaders,
  placeInDelays,
} from './delay-network.ts'; // publisher, consumer, cli
export {
  type BindingDeclaration,
  type ChannelListeners,
  type DialTarget,
  type Driver,
  type DriverChannel,
  DriverError,
  type DriverLink,
  type ExchangeDeclaration,
  type ExchangeType,
  type QueueDeclaration,
} from './driver.ts'; // publisher, consumer, testing
export { amqplibDriver } from './driver-amqplib.ts'; // testing
export {
  type Cancel,
  type Clock,
  type Effects,
  limited,
  longestTimeoutMs,
  settled,
  sleep,
  systemEffects,
} from './effects.ts'; // publisher, consumer, outbox, testing
export { EncodedMessage } from './encoded-message.ts'; // consumer
export { asError } from './errors.ts'; // publisher, consumer, outbox
export { retryHeaderBytes } from './failure-bytes.ts'; // consumer
export {
  type Attempts,
  copyProperties,
  type FailureReason,
  failureHeaders,
  isBrokerHeader,
  iso,
  readAttempts,
  sentOnHeaders,
} from './failure-headers.ts'; // consumer, dead-letters
export { attemptsOf, countOf, type HistoryEntry, headerNames, readFailure, textOf, timeOf } from './failure-record.ts'; // dead-letters, consumer
export { isDeadLetter, isRetryLater } from './handler.ts'; // consumer
export { parseHosts } from './hosts.ts'; // cli
export type { Link } from './link.ts'; // publisher, consumer
export type { LinkSession } from './link-session.ts'; // publisher, consumer
export { LinkedList, type Place } from './linked-list.ts'; // publisher, consumer
export { defaultLogger, errorFields, guardedLogger } from './logger.ts'; // publisher, consumer, outbox
export { headerOf, type IncomingMessage, type OutgoingMessage } from './message.ts'; // publisher, consumer, dead-letters, testing
export { deadLetterName, retryExchangeName, rungName, waitingName } from './names.ts'; // consumer, dead-letters, cli
export {
  boolean,
  functionOption,
  integer,
  invalid,
  kindOf,
  knownKeys,
  nonEmptyString,
  oneOf,
} from './option-checks.ts'; // publisher, consumer, outbox, dead-letters
export { base64Of, bytesOf, tableFromPlain, tableToPlain } from './plain-values.ts'; // dead-letters, cli
export { checkOutgoing, encodableHeaders, type OutgoingLimits, propertyExcess, shortStrings } from './properties.ts'; // publisher, outbox, dead-letters
export { internalsOf, type Member, type RabbitInternals } from './rabbit.ts'; // publisher, consumer, outbox, dead-letters
export { fallbackDelayMs, resolveRetry, retryDelayMs } from './retry-policy.ts'; // consumer
export { type BodyRule, type DecodedBody, decodeBody, validate } from './schema.ts'; // publisher, consumer
export { readStamp, sequenceHeaders, stampOf } from './sequence-stamp.ts'; // publisher, consumer, outbox
export { sessionLoop } from './session-loop.ts'; // consumer
export { encodedTableSize } from './table-size.ts'; // dead-letters
export {
  deadLetterQueue,
  exchangeTopology,
  joined,
  queueTopology,
  rawQueueTopology,
  rungTopology,
  smallestRung,
  streamTopology,
  type Topology,
  waitingTopology,
} from './topology.ts'; // publisher, consumer, dead-letters, cli
export { topologyFault } from './topology-fault.ts'; // cli
export { callUser } from './user-callback.ts'; // dead-letters
