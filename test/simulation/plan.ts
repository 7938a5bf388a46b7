import { between, oneOf, type Random, stream } from './random.ts';

/** What a simulated handler does with a message at one attempt. */
export const behaviours = ['return', 'slow', 'throw', 'throw at once', 'retry-later', 'dead-letter', 'hang'] as const;
export type Behaviour = (typeof behaviours)[number];

/** What can befall every run. */
const generalFaultKinds = [
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
  'killed at a frame',
  'silent from a frame',
  'event loop blocked',
  'clock jump',
  'queue deleted',
  'rung deleted',
  'dead-letter queue deleted',
  'retry exchange deleted',
] as const;
/** What befalls only runs in which somebody waits for answers. */
const requestFaultKinds = ['reply queue deleted', 'reset at a confirm'] as const;
export const faultKinds = [...generalFaultKinds, ...requestFaultKinds] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** In milliseconds from the start. */
  readonly at: number;
  readonly durationMs: number;
  /** Which of the processes it befalls. */
  readonly victim: number;
  /** How many frames still pass, or steps are still made; where it matters, which ones. */
  readonly after: number;
}

/** Messages that no publisher of ours has sent. */
export const strangerKinds = ['no json', 'no id', 'stale counts', 'bogus headers', 'another type'] as const;

export interface Stranger {
  /** The last one comes only where there are requests. */
  readonly kind: (typeof strangerKinds)[number] | 'another clock' | 'asks in vain';
  readonly at: number;
}

export interface PlannedMessage {
  readonly number: number;
  /** One per attempt; what comes after returns. */
  readonly behaviours: readonly Behaviour[];
  /** How many deliveries kill the process before one is handled. */
  readonly kills: number;
}

/** A message whose publisher waits for its answer. */
export interface PlannedRequest {
  readonly number: number;
  readonly timeoutMs: number;
  /** Its caller gives up the first call after so long; absent: never. */
  readonly abortMs?: number;
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
  /** Messages are handled in the order of so many keys; absent or 0: in any order. */
  readonly keys?: number;
  /** How many messages may wait in hand for one that failed, and how many in the waiting queue; absent: as many as usual. */
  readonly mostHeld?: number;
  readonly mostWaiting?: number;
  /** Consumers that are closed in order, and started again: their place among them, and when. */
  readonly deployments?: readonly { readonly consumer: number; readonly at: number }[];
  readonly messages: readonly PlannedMessage[];
  /** Those of the messages that are published with `publishAndWait`; absent: none. */
  readonly requests?: readonly PlannedRequest[];
  readonly maxAwaitedAnswers?: number;
  /** Publishers that are closed in order, and started again: their place among them, and when. */
  readonly closings?: readonly { readonly publisher: number; readonly at: number }[];
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

/** What a plan is to have in any case. */
export interface Wishes {
  /** Kinds of faults to choose from. */
  readonly only: readonly FaultKind[];
  /** Messages are handled in order in every run; otherwise in three of ten. */
  readonly ordered: boolean;
  /** Some publishers wait for answers in every run; otherwise in three of ten. */
  readonly requests: boolean;
}

const noWishes: Wishes = { only: faultKinds, ordered: false, requests: false };

export function planOf(seed: number, wishes: Partial<Wishes> = noWishes): Plan {
  const { only, ordered: isOrdered, requests: areWanted } = { ...noWishes, ...wishes };
  const plan = withOtherClock(plainPlanOf(seed, only.filter(isGeneral), isOrdered));
  const random = stream(seed, 'requests');
  return random() < 0.3 || areWanted ? { ...plan, ...requestsOf(random, plan, only) } : plan;
}

function isGeneral(kind: FaultKind): kind is (typeof generalFaultKinds)[number] {
  return !requestFaultKinds.some((one) => one === kind);
}

function plainPlanOf(seed: number, only: readonly FaultKind[], isOrdered: boolean): Plan {
  const random = stream(seed, 'plan');
  const type = random() < 0.8 ? 'quorum' : 'classic';
  const hasPoison = type === 'quorum' && random() < 0.05;
  const concurrency = between(random, 1, 8);
  const consumers = between(random, 1, 3);
  const order = stream(seed, 'order');
  // Only the head of the queue can be looked at alone there: with a low limit, neighbours would go along.
  const ordered = order() < 0.3 || isOrdered ? orderOf(order) : undefined;
  const lowLimit = consumers === 1 ? poisonLimits.alone : poisonLimits.amongReplicas;
  const isLow = hasPoison && ordered === undefined && stream(seed, 'poison')() < 0.5;
  const faults = stream(seed, 'faults');
  return {
    seed,
    version: oneOf(random, ['3.10.8', '4.0.5', '4.3.6']),
    type,
    deliveryLimit: isLow ? lowLimit : 50,
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
    ...ordered,
    messages: messagesOf(stream(seed, 'messages'), hasPoison),
    strangers: Array.from({ length: random() < 0.2 ? between(random, 1, 3) : 0 }, () => ({
      kind: oneOf(random, strangerKinds),
      at: between(random, 500, faultsEndMs),
    })),
    // What else takes deliveries back would count towards the low limit as well. One of 50 leaves room for all of it:
    // no neighbour may be laid aside.
    faults:
      isLow || only.length === 0
        ? []
        : Array.from({ length: between(faults, 0, 4) }, () => faultOf(faults, only)).toSorted((a, b) => a.at - b.at),
  };
}

function orderOf(random: Random): Pick<Plan, 'keys' | 'deployments' | 'mostHeld' | 'mostWaiting'> {
  const count = random() < 0.4 ? between(random, 1, 2) : 0;
  const deployments = Array.from({ length: count }, () => ({
    consumer: between(random, 0, 5),
    at: between(random, 500, faultsEndMs),
  }));
  return {
    keys: between(random, 1, 5),
    deployments,
    mostHeld: oneOf(random, [0, 0, 1, 3, 20]),
    mostWaiting: oneOf(random, [1, 3, 10_000, 10_000]),
  };
}

/** Chance of its own, as below. */
function withOtherClock(plan: Plan): Plan {
  const random = stream(plan.seed, 'another clock');
  if (random() >= 0.05) return plan;
  const stranger = { kind: 'another clock', at: between(random, 500, faultsEndMs) } as const;
  return { ...plan, strangers: [...plan.strangers, stranger] };
}

/** Chance of its own: what else a seed makes is as it would be without. */
function requestsOf(random: Random, plan: Plan, only: readonly FaultKind[]): Partial<Plan> {
  const requests = plan.messages.flatMap(({ number }) => (random() < 0.6 ? requestOf(random, number) : []));
  const maxAwaitedAnswers = oneOf(random, [2, 10_000, 10_000]);
  const closings = Array.from({ length: random() < 0.3 ? between(random, 1, 2) : 0 }, () => ({
    publisher: between(random, 0, 5),
    at: between(random, 200, faultsEndMs),
  }));
  const asksInVain = random() < 0.2 ? [{ kind: 'asks in vain' as const, at: between(random, 500, faultsEndMs) }] : [];
  const kinds = only.filter((kind) => !isGeneral(kind));
  // A run without faults is to stay one where a low delivery limit allows none.
  const isHarmed = random() < 0.3 && kinds.length > 0 && plan.deliveryLimit === 50;
  const more = isHarmed
    ? [
        {
          kind: oneOf(random, kinds),
          at: between(random, 0, faultsEndMs),
          durationMs: 8_000,
          victim: between(random, 0, plan.publishers - 1),
          after: between(random, 0, 60),
        },
      ]
    : [];
  return {
    requests,
    maxAwaitedAnswers,
    closings,
    strangers: [...plan.strangers, ...asksInVain],
    faults: [...plan.faults, ...more].toSorted((a, b) => a.at - b.at),
  };
}

function requestOf(random: Random, number: number): PlannedRequest {
  const timeoutMs = oneOf(random, [300, 3_000, 30_000, 120_000, 120_000]);
  return random() < 0.1 ? { number, timeoutMs, abortMs: between(random, 0, 2_000) } : { number, timeoutMs };
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
    durationMs: oneOf(random, / (at|from) a /.test(kind) ? [3_000, 8_000] : [0, 10, 300, 3_000, 8_000]),
    victim: between(random, 0, 5),
    after: between(random, 0, 60),
  };
}
