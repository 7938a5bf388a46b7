import { between, oneOf, type Random, seededRandom } from './random.ts';

/** What a simulated handler does with a message at one attempt. */
export type Behaviour = 'return' | 'throw' | 'dead-letter' | 'retry-later' | 'hang' | 'throw at once';

export const faults = [
  'cut',
  'black hole',
  'deaf',
  'mute',
  'broker killed',
  'broker stopped',
  'broker frozen',
  'alarm',
  'connections closed',
  'consumers cancelled',
  'publisher killed',
  'consumer killed',
  'reset at a frame',
  'clock jump',
] as const;
export type FaultKind = (typeof faults)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** In milliseconds from the start. */
  readonly at: number;
  readonly durationMs: number;
  /** Which of the processes it befalls. */
  readonly victim: number;
  /** How many frames still pass. */
  readonly frames: number;
}

/** Everything that makes one run differ from another. */
export interface Plan {
  readonly seed: number;
  readonly version: string;
  readonly type: 'quorum' | 'classic';
  readonly messages: number;
  readonly everyMs: number;
  readonly deadlineMs: number;
  readonly maxUnconfirmed: number;
  readonly concurrency: number;
  readonly consumers: number;
  readonly latencyMs: number;
  readonly writeMs: number;
  readonly behaviours: readonly (readonly Behaviour[])[];
  readonly faults: readonly Fault[];
}

export const delaysMs = [200, 1_000];
/** Faults begin before this, and have ended soon after. */
const faultsEndMs = 12_000;

export function planOf(seed: number): Plan {
  const random = seededRandom(seed);
  const messages = between(random, 5, 40);
  return {
    seed,
    version: oneOf(random, ['3.10.8', '4.0.5', '4.3.6']),
    type: random() < 0.8 ? 'quorum' : 'classic',
    messages,
    everyMs: oneOf(random, [0, 5, 50, 200]),
    deadlineMs: oneOf(random, [1_000, 5_000, 30_000]),
    maxUnconfirmed: oneOf(random, [1, 3, 100]),
    concurrency: between(random, 1, 8),
    consumers: between(random, 1, 3),
    latencyMs: oneOf(random, [0, 1, 20]),
    writeMs: oneOf(random, [0, 3, 50]),
    behaviours: Array.from({ length: messages }, () => behavioursOf(random)),
    faults: Array.from({ length: between(random, 0, 4) }, () => faultOf(random)).toSorted((a, b) => a.at - b.at),
  };
}

/** One per attempt; what comes after returns. */
function behavioursOf(random: Random): Behaviour[] {
  const all: Behaviour[] = [];
  while (all.length < 3 && random() < 0.3) {
    all.push(oneOf(random, ['throw', 'throw', 'throw at once', 'retry-later', 'hang', 'dead-letter']));
  }
  return all;
}

function faultOf(random: Random): Fault {
  return {
    kind: oneOf(random, faults as unknown as [FaultKind, ...FaultKind[]]),
    at: between(random, 0, faultsEndMs),
    durationMs: oneOf(random, [0, 10, 300, 3_000, 8_000]),
    victim: between(random, 0, 3),
    frames: between(random, 0, 60),
  };
}
