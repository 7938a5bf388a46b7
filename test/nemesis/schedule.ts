import type { Role } from './assignment.ts';
import { Chance } from './chance.ts';
import { type FaultKind, type FaultName, faultKinds, faultNames, type Lane } from './fault-kinds.ts';

/** One fault to come. */
export interface PlannedFault {
  readonly name: FaultName;
  /** From the beginning of the load, in milliseconds. When the fault before it in its lane takes longer, it comes later. */
  readonly atMs: number;
  readonly lastsMs: number;
  /** Which node, or which process of its kind; 0 where everything is struck. */
  readonly target: number;
  /** In [0, 1), for what else a fault has to choose. */
  readonly whim: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  /** From the first message to the end of the last fault, in milliseconds. */
  readonly loadMs: number;
  /** @default all */
  readonly faults?: readonly FaultName[];
}

/** How many there are to choose one from. */
const targets: Readonly<Record<FaultKind['strikes'], number>> = {
  node: 3,
  publisher: 2,
  consumer: 2,
  process: 4,
  everything: 1,
};

/** Between the end of a fault and the beginning of the next one of its lane, in milliseconds. */
const pausesMs: Readonly<Record<Lane, readonly [number, number]>> = {
  cluster: [4_000, 12_000],
  network: [3_000, 12_000],
  process: [3_000, 12_000],
  operator: [6_000, 16_000],
};

/** Everything runs for so long before the first fault. */
const calmMs = 3_000;

/** All that will happen, by the seed alone, in the order of time. Each lane has a dice of its own. */
export function schedule({ seed, loadMs, faults = faultNames }: ScheduleOptions): PlannedFault[] {
  const lanes = new Set(faults.map((name) => faultKinds[name].lane));
  const planned = [...lanes].flatMap((lane) => {
    const names = faults.filter((name) => faultKinds[name].lane === lane && fits(name, loadMs));
    return laneOf(names, pausesMs[lane], loadMs, new Chance(`${seed} ${lane}`));
  });
  return planned.sort((a, b) => a.atMs - b.atMs);
}

/** Kinds that a run of this length is too short for, whatever the seed. */
export function tooLongFor(loadMs: number, faults: readonly FaultName[] = faultNames): FaultName[] {
  return faults.filter((name) => !fits(name, loadMs));
}

/** The workers a fault strikes first are numbered through: publishers, then consumers. */
export function processAt(target: number): { readonly role: Role; readonly index: number } {
  return target < targets.publisher
    ? { role: 'publisher', index: target }
    : { role: 'consumer', index: target - targets.publisher };
}

function fits(name: FaultName, loadMs: number): boolean {
  return calmMs + longestOf(faultKinds[name]) <= loadMs;
}

function longestOf({ lastsMs, endsWithinMs, tailMs = 0 }: FaultKind): number {
  return lastsMs[1] + endsWithinMs + tailMs;
}

/** Each kind once, in any order, then each once more: none waits long for its turn. */
function laneOf(
  names: readonly FaultName[],
  [shortest, longest]: readonly [number, number],
  loadMs: number,
  chance: Chance,
): PlannedFault[] {
  const lane: PlannedFault[] = [];
  let atMs = calmMs + chance.integer(0, longest);
  let left: FaultName[] = [];
  for (;;) {
    const round = left.length === 0 ? chance.shuffled(names) : left;
    const name = round.find((candidate) => atMs + longestOf(faultKinds[candidate]) <= loadMs);
    if (name === undefined) {
      if (round.length === names.length) return lane;
      left = [];
      continue;
    }
    left = round.filter((candidate) => candidate !== name);
    const kind = faultKinds[name];
    const lastsMs = chance.integer(...kind.lastsMs);
    lane.push({ name, atMs, lastsMs, target: chance.integer(0, targets[kind.strikes] - 1), whim: chance.next() });
    atMs += lastsMs + kind.endsWithinMs + chance.integer(shortest, longest);
  }
}
