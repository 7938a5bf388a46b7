import { between, oneOf, type Random, stream } from './random.ts';

/** What a simulated handler does with a message at one attempt. */
export const behaviours = ['return', 'slow', 'throw', 'throw at once', 'retry-later', 'dead-letter', 'hang'] as const;
export type Behaviour = (typeof behaviours)[number];

export const faultKinds = [
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
  'publisher killed',
  'consumer killed',
  'killed at a step',
  'event loop blocked',
  'clock jump',
  'queue deleted',
  'rung deleted',
  'dead-letter queue deleted',
  'retry exchange deleted',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** In milliseconds from the start. */
  readonly at: number;
  readonly durationMs: number;
  /** Which of the processes it befalls. */
  readonly victim: number;
  /** How many frames still pass, or steps are still made. */
  readonly after: number;
}

/** Messages that no publisher of ours has sent. */
export const strangerKinds = ['no json', 'no id', 'stale counts', 'bogus headers', 'another type'] as const;

export interface Stranger {
  readonly kind: (typeof strangerKinds)[number];
  readonly at: number;
}

export interface PlannedMessage {
  readonly number: number;
  /** One per attempt; what comes after returns. */
  readonly behaviours: readonly Behaviour[];
  /** How many deliveries kill the process before one is handled. */
  readonly kills: number;
}

/** Everything that makes one run differ from another. */
export interface Plan {
  /** Of the streams of chance within the run. */
  readonly seed: number;
  readonly version: string;
  readonly type: 'quorum' | 'classic';
  readonly deliveryLimit: number;
  /** Names by which the one broker is known: with two, one that is silent is left for the other. */
  readonly hosts: 1 | 2;
  readonly everyMs: number;
  readonly deadlineMs: number;
  readonly maxUnconfirmed: number;
  readonly publishers: number;
  readonly consumers: number;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly latencyMs: number;
  readonly writeMs: number;
  readonly messages: readonly PlannedMessage[];
  readonly strangers: readonly Stranger[];
  readonly faults: readonly Fault[];
}

/** Of a message that never stops. */
export const poisonKills = 1_000;
export const delaysMs: readonly number[] = [200, 1_000];
/**
 * A message that kills each time ends in the dead-letter queue after so many deliveries. Among replicas whose handlers hang
 * beside it, a limit of 5 is a little too low: a neighbour went along in 6 of 20,000 such runs.
 */
const poisonLimits = { alone: 5, amongReplicas: 10 };
/** Faults begin before this, and have ended soon after. */
const faultsEndMs = 12_000;

/** @param only kinds of faults to choose from */
export function planOf(seed: number, only: readonly FaultKind[] = faultKinds): Plan {
  const random = stream(seed, 'plan');
  const type = random() < 0.8 ? 'quorum' : 'classic';
  const hasPoison = type === 'quorum' && random() < 0.05;
  const concurrency = between(random, 1, 8);
  const consumers = between(random, 1, 3);
  const poisonLimit = consumers === 1 ? poisonLimits.alone : poisonLimits.amongReplicas;
  const faults = stream(seed, 'faults');
  return {
    seed,
    version: oneOf(random, ['3.10.8', '4.0.5', '4.3.6']),
    type,
    deliveryLimit: hasPoison ? poisonLimit : 50,
    hosts: random() < 0.5 ? 1 : 2,
    everyMs: oneOf(random, [0, 20, 200, 600]),
    deadlineMs: oneOf(random, [1_000, 5_000, 30_000]),
    maxUnconfirmed: oneOf(random, [1, 3, 100]),
    publishers: between(random, 1, 2),
    consumers,
    concurrency,
    prefetch: oneOf(random, [concurrency, concurrency, concurrency + 5]),
    latencyMs: oneOf(random, [0, 1, 20]),
    writeMs: oneOf(random, [0, 3, 50]),
    messages: messagesOf(stream(seed, 'messages'), hasPoison),
    strangers: Array.from({ length: random() < 0.2 ? between(random, 1, 3) : 0 }, () => ({
      kind: oneOf(random, strangerKinds),
      at: between(random, 500, faultsEndMs),
    })),
    // What else takes deliveries back would count towards the low limit as well.
    faults: hasPoison
      ? []
      : Array.from({ length: between(faults, 0, 4) }, () => faultOf(faults, only)).toSorted((a, b) => a.at - b.at),
  };
}

function messagesOf(random: Random, hasPoison: boolean): PlannedMessage[] {
  const count = between(random, 3, 25);
  const poison = hasPoison ? between(random, 0, count - 1) : undefined;
  return Array.from({ length: count }, (_, number) => ({
    number,
    behaviours: behavioursOf(random),
    kills: number === poison ? poisonKills : !hasPoison && random() < 0.01 ? between(random, 1, 2) : 0,
  }));
}

function behavioursOf(random: Random): Behaviour[] {
  const all: Behaviour[] = [];
  while (all.length < 3 && random() < 0.3) {
    all.push(oneOf(random, ['slow', 'throw', 'throw', 'throw at once', 'retry-later', 'hang', 'dead-letter']));
  }
  return all;
}

function faultOf(random: Random, only: readonly FaultKind[]): Fault {
  const kind = oneOf(random, only);
  return {
    kind,
    at: between(random, 0, faultsEndMs),
    // One that waits for its moment needs time.
    durationMs: oneOf(random, kind.includes(' at a ') ? [3_000, 8_000] : [0, 10, 300, 3_000, 8_000]),
    victim: between(random, 0, 5),
    after: between(random, 0, 60),
  };
}
