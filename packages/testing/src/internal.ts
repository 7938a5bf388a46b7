// For this repository's own tests, no semver.
export { FlowingClock } from './memory/flowing-clock.ts';

export type { FrameDirection, FrameFate, FrameInfo } from './memory/line.ts';
export { MemoryBroker, type MemoryBrokerOptions, type PublishedMessage } from './memory/memory-broker.ts';
export { MemoryNetwork, type MemoryNetworkOptions } from './memory/network.ts';
export { VirtualClock, type VirtualClockOptions } from './memory/virtual-clock.ts';
export { pythonWithPika } from './pika.ts';
