import { setTimeout as sleep } from 'node:timers/promises';
import { type Broker, eventually, FaultProxy, startBroker } from '@surehop/testing';
import type { Role } from './assignment.ts';
import { drain } from './drain.ts';
import { evidenceOf } from './evidence.ts';
import { type FaultName, faultKinds } from './fault-kinds.ts';
import type { Incident } from './incident.ts';
import { type LaneOptions, type LaneResult, runLane } from './lane.ts';
import { type Ledger, ledgerOf, neverRecovered } from './ledger.ts';
import { type PlannedFault, schedule } from './schedule.ts';
import { Witness } from './witness.ts';
import { Worker } from './worker.ts';
import type { World } from './world.ts';

export interface NemesisOptions {
  readonly seed: number;
  /** All of it, from the start of the cluster to its end. */
  readonly minutes: number;
  /** Messages a second, of both publishing processes together. */
  readonly rate: number;
  readonly faults: readonly FaultName[];
  /** Where to find `rabbitmq-server`. */
  readonly path: string;
  readonly signal: AbortSignal;
  /** What happens, as it happens. */
  readonly tell: (line: string) => void;
  /** Gets what each process wrote, before it is forgotten. */
  readonly keep: ((world: World) => Promise<void>) | undefined;
}

/** For the start of the cluster, the drain and the end. What is left of `--minutes` is load. */
const reserveMs = 65_000;
/** After the last fault, everything runs undisturbed for so long. */
const calmMs = 5_000;
const readyWithinMs = 60_000;
const recoversWithinMs = 60_000;
const processesPerRole = 2;
const numbersPerProcess = 10_000_000;
const readEveryMs = 200;

// With its default, two halves of a cluster that uses Mnesia never join again by themselves.
const clusterConfig = 'cluster_partition_handling = pause_minority\n';

/** How long the faults go on in a run of this length. */
export function loadMsOf(minutes: number): number {
  return minutes * 60_000 - reserveMs - calmMs;
}

/** Runs it all. What was started is gone when this settles. */
export async function runNemesis(options: NemesisOptions): Promise<Ledger> {
  const beganAt = Date.now();
  const { seed, minutes, faults, path, signal, tell } = options;
  const planned = schedule({ seed, loadMs: loadMsOf(minutes), faults });
  const endings: (() => Promise<unknown>)[] = [];
  try {
    const broker = await startBroker({
      nodes: 3,
      config: clusterConfig,
      env: { ...process.env, PATH: path },
      log: tell,
    });
    endings.push(() => broker.close());
    signal.throwIfAborted();
    const { world, witness } = await openWorld(broker, options, endings);
    try {
      return await torment(world, witness, planned, options, beganAt);
    } finally {
      await options.keep?.(world);
    }
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

async function torment(
  world: World,
  witness: Witness,
  planned: readonly PlannedFault[],
  { minutes, seed, signal, tell }: NemesisOptions,
  beganAt: number,
): Promise<Ledger> {
  const loadBeganAt = Date.now();
  const overAt = loadBeganAt + loadMsOf(minutes);
  tell(`the load begins ${((loadBeganAt - beganAt) / 1_000).toFixed(1)} s after the start`);
  const results = await runLanes(planned, { world, loadBeganAt, overAt, signal, tell });
  const incidents = results.flatMap((result) => result.incidents);
  await sleep(Math.max(0, overAt + calmMs - Date.now()), undefined, { signal });
  await untilRecovered(incidents, witness, world, signal);
  const loadEndedAt = Date.now();
  tell('the load ends, the queues drain');
  const remains = await drain(world, witness, { signal, tell });
  signal.throwIfAborted();
  const { deadLetters, remaining, withheld, wouldNotEnd } = remains;
  for (const { id } of deadLetters) witness.history.add({ kind: 'dead-lettered', id, at: Date.now() });
  return ledgerOf({
    ...witness.testimony(world.workers),
    seed,
    broker: world.broker.description,
    report: witness.history.report(remaining, witness.excused),
    settledAt: (id) => witness.history.settledAt(id),
    failedLast: (id) => witness.failedLast(id),
    evidenceOf: (ids) => evidenceOf(ids, world.workers, incidents, loadBeganAt),
    incidents,
    omissions: results.flatMap(({ omissions }) => omissions),
    deadLetters,
    withheld,
    wouldNotEnd,
    loadBeganAt,
    loadEndedAt,
    tookMs: Date.now() - beganAt,
  });
}

/** The load goes on meanwhile. Whoever has not come back then is told of in the ledger. */
async function untilRecovered(
  incidents: readonly Incident[],
  witness: Witness,
  { workers }: World,
  signal: AbortSignal,
): Promise<void> {
  const giveUpAt = Date.now() + recoversWithinMs;
  while (Date.now() < giveUpAt && neverRecovered(incidents, witness.testimony(workers).processes).length > 0) {
    await sleep(readEveryMs, undefined, { signal });
  }
}

/** One that fails ends the others: what is broken for good tells nothing more. */
async function runLanes(
  planned: readonly PlannedFault[],
  options: Omit<LaneOptions, 'planned'>,
): Promise<readonly LaneResult[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const lanes = [...new Set(planned.map(({ name }) => faultKinds[name].lane))];
  const runs = lanes.map(async (lane) => {
    const ofLane = planned.filter(({ name }) => faultKinds[name].lane === lane);
    try {
      return await runLane({ ...options, planned: ofLane, signal });
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(runs);
  options.signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return Promise.all(runs);
}

async function openWorld(
  broker: Broker,
  { seed, rate, signal }: NemesisOptions,
  endings: (() => Promise<unknown>)[],
): Promise<{ readonly world: World; readonly witness: Witness }> {
  const vhost = await broker.vhost();
  const workers: Worker[] = [];
  const witness = new Witness();
  const reading = setInterval(() => witness.read(workers), readEveryMs);
  endings.push(async () => clearInterval(reading));
  let given = 0;
  const numbers = (): number => {
    given += 1;
    return given * numbersPerProcess;
  };
  const open = async (role: Role, name: string): Promise<void> => {
    const proxies = await Promise.all(broker.nodes.map((node) => FaultProxy.start(node)));
    endings.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
    const urls = proxies.map(({ port }) => vhost.url(port));
    const worker = new Worker({ role, name, urls, proxies, seed, rate: rate / processesPerRole, numbers });
    workers.push(worker);
    endings.push(() => worker.end());
  };
  // Consumers first: their contract brings the binding that half of the messages need.
  for (const role of ['consumer', 'publisher'] as const) {
    const names = Array.from({ length: processesPerRole }, (_, index) => `${role}-${index + 1}`);
    await Promise.all(names.map((name) => open(role, name)));
    await eventually(() => assertReady(names, witness, signal), readyWithinMs);
  }
  return { world: { broker, vhost, workers }, witness };
}

function assertReady(names: readonly string[], witness: Witness, signal: AbortSignal): void {
  const missing = names.filter((name) => !witness.isReady(name));
  if (missing.length > 0 && !signal.aborted) throw new Error(`not ready: ${missing.join(', ')}`);
}
