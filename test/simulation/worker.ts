// One of the threads of `npm run simulate`: makes runs from the seeds that it is given.
import { parentPort, workerData } from 'node:worker_threads';
import { lightenSignals } from './abort-signal.ts';
import { plant } from './mutants.ts';
import type { Wishes } from './plan.ts';

export interface WorkerData {
  readonly wishes: Wishes;
  readonly mutant: string | undefined;
  readonly first: boolean;
}

/** Seeds, one after the other. */
export interface Batch {
  readonly from: number;
  readonly count: number;
}

export interface Failed {
  readonly seed: number;
  readonly violations: readonly string[];
}

export interface BatchResult {
  readonly runs: number;
  readonly failed: readonly Failed[];
  readonly exercised: Readonly<Record<string, number>>;
}

const port = parentPort;
if (port !== null) {
  const data = workerData as WorkerData;
  lightenSignals();
  if (data.mutant !== undefined) plant(data.mutant);
  const { runBatch } = await import('./batch.ts'); // after the bug is planted
  // No error has a stack: they are made by the thousand, and a seed that fails is run again with stacks.
  Reflect.deleteProperty(Error, 'stackTraceLimit');
  port.on('message', (batch: Batch) => void runBatch(batch, data).then((result) => port.postMessage(result)));
}
