import {
  diskAlarm,
  majorityLost,
  memoryAlarm,
  nodeFrozen,
  nodeKilled,
  nodeStopped,
  powerCut,
} from './cluster-faults.ts';
import type { FaultName } from './fault-kinds.ts';
import {
  blackHole,
  blackHoleToBroker,
  blackHoleToClient,
  connectionsReset,
  nodeUnreachable,
  slowNetwork,
} from './network-faults.ts';
import {
  bindingDeleted,
  connectionsClosed,
  deadLetterQueueFull,
  delayQueueFull,
  exchangeDeleted,
  retryExchangeDeleted,
  workQueueFull,
} from './operator-faults.ts';
import {
  consumerBlocked,
  consumerFrozen,
  consumerKilled,
  consumerTerminated,
  poison,
  publisherKilled,
  publisherTerminated,
} from './process-faults.ts';
import type { Inject } from './world.ts';

export const faults: Readonly<Record<FaultName, Inject>> = {
  'node-killed': nodeKilled,
  'node-stopped': nodeStopped,
  'node-frozen': nodeFrozen,
  'majority-lost': majorityLost,
  'power-cut': powerCut,
  'memory-alarm': memoryAlarm,
  'disk-alarm': diskAlarm,
  'connections-reset': connectionsReset,
  'black-hole': blackHole,
  'black-hole-to-broker': blackHoleToBroker,
  'black-hole-to-client': blackHoleToClient,
  'node-unreachable': nodeUnreachable,
  'slow-network': slowNetwork,
  'consumer-killed': consumerKilled,
  'consumer-terminated': consumerTerminated,
  'consumer-frozen': consumerFrozen,
  'consumer-blocked': consumerBlocked,
  'publisher-killed': publisherKilled,
  'publisher-terminated': publisherTerminated,
  poison,
  'connections-closed': connectionsClosed,
  'exchange-deleted': exchangeDeleted,
  'binding-deleted': bindingDeleted,
  'delay-queue-full': delayQueueFull,
  'work-queue-full': workQueueFull,
  'dead-letter-queue-full': deadLetterQueueFull,
  'retry-exchange-deleted': retryExchangeDeleted,
};
