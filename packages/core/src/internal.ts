// For @surehop/* only, no semver; every line says who needs it.

export { Aborts } from './aborts.ts'; // publisher, consumer
export { type Backoff, fullJitter } from './backoff.ts'; // publisher, consumer, outbox
export { brokerTraits } from './broker-version.ts'; // the test that holds the README's table of brokers
export { ConfirmedChannel, type ConfirmedChannelOptions, type Outcome, type Sending } from './confirmed-channel.ts'; // publisher, consumer
export { Deadlines, type WithDeadline } from './deadlines.ts'; // publisher, consumer, outbox
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
export { type Cancel, type Clock, type Effects, limited, settled, sleep, systemEffects } from './effects.ts'; // publisher, consumer, outbox, testing
export { asError } from './errors.ts'; // publisher, consumer, outbox
export {
  type Attempts,
  copyProperties,
  type FailureReason,
  failureHeaders,
  readAttempts,
  sentOnHeaders,
} from './failure-headers.ts'; // consumer
export { isDeadLetter, isRetryLater } from './handler.ts'; // consumer
export type { Link } from './link.ts'; // publisher, consumer
export type { LinkSession } from './link-session.ts'; // publisher, consumer
export { LinkedList, type Place } from './linked-list.ts'; // publisher, consumer
export { defaultLogger, errorFields, guardedLogger } from './logger.ts'; // publisher, consumer, outbox
export type { IncomingMessage, OutgoingMessage } from './message.ts'; // publisher, consumer, testing
export { deadLetterName, rungName } from './names.ts'; // consumer
export {
  boolean,
  functionOption,
  integer,
  invalid,
  kindOf,
  knownKeys,
  nonEmptyString,
  oneOf,
} from './option-checks.ts'; // publisher, consumer, outbox
export { checkOutgoing, encodableHeaders, type OutgoingLimits } from './properties.ts'; // publisher, outbox
export { internalsOf, type Member, type RabbitInternals } from './rabbit.ts'; // publisher, consumer, outbox
export { fallbackDelayMs, resolveRetry } from './retry-policy.ts'; // consumer
export { type BodyRule, type DecodedBody, decodeBody, validate } from './schema.ts'; // publisher, consumer
export { sessionLoop } from './session-loop.ts'; // consumer
export {
  exchangeTopology,
  queueTopology,
  rawQueueTopology,
  rungTopology,
  smallestRung,
  type Topology,
} from './topology.ts'; // publisher, consumer
