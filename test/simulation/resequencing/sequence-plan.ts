import { type Fault, type FaultKind, type PlannedMessage, planOf } from '../plan.ts';
import { between, oneOf, stream } from '../random.ts';

/** One copy of a message on its way to the queue. */
export interface Sending {
  readonly key: string;
  readonly number: number;
  /** In milliseconds from the start. */
  readonly at: number;
}

/** One run: numbered messages in a random order, some of them twice, and what befalls their consumers. */
export interface SequencePlan {
  readonly seed: number;
  readonly version: string;
  readonly consumers: number;
  readonly concurrency: number;
  readonly latencyMs: number;
  readonly writeMs: number;
  /** The longest that the store takes, and how many of its calls fail. */
  readonly storeMs: number;
  readonly storeFails: number;
  /** How many messages each key has, and what handlers do with each. */
  readonly keys: ReadonlyMap<string, readonly PlannedMessage[]>;
  readonly sendings: readonly Sending[];
  readonly faults: readonly Fault[];
}

/** Those that take no message from the queue, but for those that a consumer had. */
const kinds: readonly FaultKind[] = [
  'cut',
  'reset at a frame',
  'black hole',
  'deaf',
  'mute',
  'refused',
  'broker killed',
  'broker killed at a frame',
  'broker stopped',
  'broker frozen',
  'alarm',
  'connections closed',
  'consumers cancelled',
  'consumer killed',
  'killed at a step',
  'event loop blocked',
];
/** Messages come until then, in milliseconds. */
const sendingEndMs = 10_000;

export function sequencePlanOf(seed: number): SequencePlan {
  const random = stream(seed, 'sequences');
  const { faults, version, latencyMs, writeMs } = planOf(seed, { only: kinds });
  const keys = new Map<string, readonly PlannedMessage[]>();
  const sendings: Sending[] = [];
  for (let index = between(random, 1, 3); index > 0; index -= 1) {
    const key = `k${index}`;
    const messages = Array.from({ length: between(random, 2, 12) }, (_, at) => ({
      number: at + 1,
      behaviours:
        random() < 0.25
          ? [oneOf(random, ['slow', 'throw', 'throw at once', 'retry-later', 'dead-letter', 'hang'])]
          : [],
      kills: random() < 0.02 ? 1 : 0,
    })) satisfies PlannedMessage[];
    keys.set(key, messages);
    for (const { number } of messages) {
      const copies = random() < 0.2 ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) sendings.push({ key, number, at: between(random, 0, sendingEndMs) });
    }
  }
  return {
    seed,
    version,
    consumers: between(random, 1, 2),
    concurrency: between(random, 1, 4),
    latencyMs,
    writeMs,
    storeMs: oneOf(random, [0, 5, 100]),
    storeFails: oneOf(random, [0, 0, 0.2]),
    keys,
    sendings,
    faults,
  };
}
