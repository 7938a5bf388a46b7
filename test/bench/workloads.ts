import type { Figure } from './figures.ts';

/** What a client process is to do, and with what. */
export type Task =
  | { readonly kind: 'publish'; readonly inFlight: number }
  | { readonly kind: 'consume'; readonly prefetch: number }
  | { readonly kind: 'latency'; readonly perSecond: number }
  | { readonly kind: 'ladder'; readonly prefetch: number }
  | { readonly kind: 'delay'; readonly perSecond: number }
  | { readonly kind: 'service'; readonly concurrency: number }
  | { readonly kind: 'away'; readonly messages: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'endurance' };

export interface Workload {
  readonly name: string;
  /** For headings. */
  readonly title: string;
  readonly task: Task;
  /** In the order of the columns. The first is what the plot shows. */
  readonly figures: readonly Figure[];
  /**
   * `null`: a socket server that only confirms and delivers, so that the client is the limit. `proxied`: the broker at
   * hand, behind a proxy that can take it away.
   * @default the broker at hand
   */
  readonly broker?: 'null' | 'proxied';
  /** Where only one kind of queue, or one size of body, makes sense. @default every one that is asked for */
  readonly only?: 'quorum';
  readonly bodyBytes?: number;
  /** Libraries that take part. @default all but the variants */
  readonly libraries?: readonly string[];
  /** Variants that take part besides. */
  readonly variants?: readonly string[];
  /** Raw amqplib and ours are measured at least so often, since a target says so. */
  readonly judgedRounds?: number;
  /** Always this many, however many are asked for. */
  readonly rounds?: number;
}

/** The delays of the ladders: every message fails three times. Each rung is another queue, as in a service. */
export const ladderDelaysMs: readonly number[] = [100, 101, 102];

const throughput = ['rate', 'cpuUsPerMessage', 'peakMemoryMb'] as const;
const withLatency = ['p50Ms', 'p95Ms', 'p99Ms', 'maxMs', 'cpuUsPerMessage', 'peakMemoryMb'] as const;
const retrying = ['amqplib', 'amqplib-telling', 'rascal', 'surehop'] as const;
const linked = ['surehop-two-links'] as const;
const wire = ['surehop-wire'] as const;
const telling = ['amqplib-telling'] as const;

export const workloads: readonly Workload[] = [
  {
    name: 'publish-1',
    title: 'Confirmed publishes, 1 in flight',
    task: { kind: 'publish', inFlight: 1 },
    figures: ['rate', 'cpuUsPerMessage', 'p50Ms', 'p99Ms', 'peakMemoryMb'],
  },
  {
    name: 'publish-100',
    title: 'Confirmed publishes, 100 in flight',
    task: { kind: 'publish', inFlight: 100 },
    figures: throughput,
    variants: wire,
  },
  {
    name: 'publish-1000',
    title: 'Confirmed publishes, 1,000 in flight',
    task: { kind: 'publish', inFlight: 1_000 },
    figures: throughput,
    variants: [...linked, ...wire],
  },
  ...[1, 50, 500].map(
    (prefetch): Workload => ({
      name: `consume-${prefetch}`,
      title: `Consuming from a backlog, an ack per message, prefetch ${prefetch}`,
      task: { kind: 'consume', prefetch },
      figures: throughput,
    }),
  ),
  {
    name: 'latency-500',
    title: 'From publish to handler, 500 messages per second',
    task: { kind: 'latency', perSecond: 500 },
    figures: withLatency,
  },
  {
    name: 'latency-2000',
    title: 'From publish to handler, 2,000 messages per second',
    task: { kind: 'latency', perSecond: 2_000 },
    figures: withLatency,
    judgedRounds: 10,
  },
  {
    name: 'retry-throughput',
    title: 'Retry ladder: every message of a backlog fails three times',
    task: { kind: 'ladder', prefetch: 200 },
    figures: ['rate', 'cpuUsPerMessage', 'peakMemoryMb'],
    libraries: retrying,
    variants: telling,
  },
  {
    name: 'retry-delay',
    title: 'Retry ladder: how late a retry comes, 100 messages per second that fail three times',
    task: { kind: 'delay', perSecond: 100 },
    figures: withLatency,
    libraries: retrying,
  },
  {
    name: 'mixed-service',
    title: 'A service: consume, wait 1 ms, publish two messages, ack; 100 at once',
    task: { kind: 'service', concurrency: 100 },
    figures: throughput,
  },
  {
    name: 'broker-away',
    title: 'Memory: 10,000 messages of 4 KiB published while the broker is away',
    task: { kind: 'away', messages: 10_000 },
    figures: ['memoryGrownMb', 'heldMessages', 'refusedMessages', 'peakMemoryMb'],
    broker: 'proxied',
    only: 'quorum',
    bodyBytes: 4_096,
  },
  {
    name: 'start-up',
    title: 'Start-up: import, connect, declare, first confirmed publish',
    task: { kind: 'start' },
    figures: ['totalMs', 'importMs', 'openMs', 'firstPublishMs', 'startCpuMs', 'peakMemoryMb'],
    only: 'quorum',
    bodyBytes: 256,
  },
  {
    name: 'idle',
    title: 'Idle: connected, subscribed, and nothing to do',
    task: { kind: 'idle' },
    figures: ['idleCpuMsPerS', 'peakMemoryMb'],
    only: 'quorum',
    bodyBytes: 256,
  },
  ...[100, 1_000].map(
    (inFlight): Workload => ({
      name: `null-publish-${inFlight}`,
      title: `Null broker: confirmed publishes, ${inFlight.toLocaleString('en')} in flight`,
      task: { kind: 'publish', inFlight },
      figures: throughput,
      broker: 'null',
      variants: inFlight === 1_000 ? linked : [],
    }),
  ),
  {
    name: 'null-consume',
    title: 'Null broker: consuming, an ack per message, prefetch 500',
    task: { kind: 'consume', prefetch: 500 },
    figures: throughput,
    broker: 'null',
  },
  {
    name: 'endurance',
    title: 'Memory: 1,000,000 messages through publisher and consumer of one process',
    task: { kind: 'endurance' },
    figures: ['heapGrownMb', 'rate', 'cpuUsPerMessage', 'peakMemoryMb'],
    only: 'quorum',
    bodyBytes: 256,
    libraries: ['surehop'],
    rounds: 1,
  },
];
