import { arch, cpus, release as kernel, type as system } from 'node:os';
import type { Broker } from '@surehop/testing';
import type { Pace } from './assignment.ts';
import type { Cell } from './cell.ts';
import { type Library, reference, versionOf } from './libraries.ts';
import type { Plan } from './plan.ts';
import { Sampler } from './sampler.ts';
import { type Round, type Subject, type Summary, summarize } from './summary.ts';

/** Runs the plans one after the other. Each round of each library is told when it is over. */
export async function runPlans(
  broker: Broker,
  plans: readonly Plan[],
  pace: Pace,
  tell: { step(line: string): void; cell(cell: Cell, summaries: readonly Summary[]): void },
): Promise<Summary[]> {
  await using sampler = await Sampler.open(broker);
  const all: Summary[] = [];
  for (const { cell, runs } of plans) {
    const rounds = new Map<Library, Round[]>();
    for (const { round, library } of runs) {
      const result = await measured(sampler, cell, library, pace);
      rounds.set(library, [...(rounds.get(library) ?? []), result]);
      tell.step(
        `${cell.workload.name} ${library.name}, round ${round + 1}${'error' in result ? `: ${result.error}` : ''}`,
      );
    }
    const baseline = [...rounds].find(([{ name }]) => name === reference)?.[1] ?? [];
    const summaries = [...rounds].map(([library, own]) => summarize(subjectOf(broker, cell, library), own, baseline));
    tell.cell(cell, summaries);
    all.push(...summaries);
  }
  return all;
}

async function measured(sampler: Sampler, cell: Cell, library: Library, pace: Pace): Promise<Round> {
  try {
    return { sample: await sampler.measure(cell, library, pace) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function subjectOf(broker: Broker, { workload, queueType, bodyBytes }: Cell, library: Library): Subject {
  return {
    workload: workload.name,
    queueType: queueType ?? 'none',
    bodyBytes,
    library: library.name,
    libraryVersion: versionOf(library),
    release: broker.version.split('.').slice(0, 2).join('.'),
    machine: machine(),
    date: new Date().toISOString().slice(0, 10),
  };
}

function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores of ${cpu?.model.trim() || arch()}, ${system()} ${kernel()}, Node ${process.version.slice(1)}`;
}
