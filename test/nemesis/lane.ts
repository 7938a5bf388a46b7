import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@surehop/testing';
import { type FaultName, faultKinds } from './fault-kinds.ts';
import { faults } from './faults.ts';
import type { Incident, Omission } from './incident.ts';
import type { PlannedFault } from './schedule.ts';
import { type World, workerOf } from './world.ts';

export interface LaneOptions {
  readonly world: World;
  /** In order, not overlapping. */
  readonly planned: readonly PlannedFault[];
  /** When the load began, in milliseconds since the Unix epoch. */
  readonly loadBeganAt: number;
  /** When the last fault has to be over. */
  readonly overAt: number;
  /** Ends it where it stands, with nothing healed: everything is about to be ended. */
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

export interface LaneResult {
  readonly incidents: readonly Incident[];
  readonly omissions: readonly Omission[];
}

const healsWithinMs = 90_000;

/** Brings the faults of one lane, each when its time has come and the one before it is healed. */
export async function runLane(options: LaneOptions): Promise<LaneResult> {
  const incidents: Incident[] = [];
  const omissions: Omission[] = [];
  for (const planned of options.planned) {
    const outcome = await bring(planned, options);
    if ('why' in outcome) omissions.push(outcome);
    else incidents.push(outcome);
  }
  return { incidents, omissions };
}

async function bring(planned: PlannedFault, options: LaneOptions): Promise<Incident | Omission> {
  const { world, loadBeganAt, overAt, signal, tell } = options;
  const { name, atMs, lastsMs } = planned;
  await sleep(Math.max(0, loadBeganAt + atMs - Date.now()), undefined, { signal });
  const { endsWithinMs, tailMs = 0 } = faultKinds[name];
  if (Date.now() + lastsMs + endsWithinMs + tailMs > overAt) {
    return omitted(name, 'the faults before it took longer than planned, and it would not be over in time');
  }
  const clock = (): string => `${((Date.now() - loadBeganAt) / 1_000).toFixed(1).padStart(6)} s`;
  const struck = struckBy(planned, world);
  const whom = targetName(planned, world);
  let heal: () => Promise<void>;
  try {
    heal = await faults[name](world, planned);
  } catch (error) {
    tell(`${clock()}  ${name}${whom} could not be done: ${String(error)}`);
    return omitted(name, String(error));
  }
  const beganAt = Date.now();
  tell(`${clock()}  ${name}${whom}${lastsMs > 0 ? ` for ${(lastsMs / 1_000).toFixed(1)} s` : ''}`);
  await sleep(lastsMs, undefined, { signal });
  await eventually(heal, healsWithinMs);
  const healedAt = Date.now();
  if (healedAt - beganAt > 100) tell(`${clock()}  ${name}${whom} is over`);
  return { name, beganAt, healedAt, struck };
}

function omitted(name: FaultName, why: string): Omission {
  return { name, why };
}

function struckBy(planned: PlannedFault, world: World): string[] {
  const { strikes, recovers } = faultKinds[planned.name];
  if (recovers === undefined && (strikes === 'process' || strikes === 'publisher' || strikes === 'consumer')) {
    return [workerOf(world, planned, strikes === 'process' ? undefined : strikes).name];
  }
  return world.workers.filter(({ role }) => recovers === undefined || role === recovers).map(({ name }) => name);
}

function targetName(planned: PlannedFault, world: World): string {
  const { strikes } = faultKinds[planned.name];
  if (strikes === 'everything') return '';
  if (strikes === 'node') return ` (node ${planned.target + 1})`;
  return ` (${workerOf(world, planned, strikes === 'process' ? undefined : strikes).name})`;
}
