import { eventually } from '@surehop/testing';
import { deliveryLimit } from './assignment.ts';
import { type Inject, nothingToHeal, type World, workerOf, workersOf } from './world.ts';

const closesWithinMs = 40_000;
const poisonEndsWithinMs = 60_000;
/** A poison message that has killed nobody for so long has been laid aside. */
const poisonIsOverAfterMs = 6_000;

export const consumerKilled: Inject = async (world, planned) => {
  workerOf(world, planned, 'consumer').signal('SIGKILL');
  return nothingToHeal;
};

export const publisherKilled: Inject = async (world, planned) => {
  workerOf(world, planned, 'publisher').signal('SIGKILL');
  return nothingToHeal;
};

export const consumerTerminated: Inject = (world, planned) => terminated(workerOf(world, planned, 'consumer'));

export const publisherTerminated: Inject = (world, planned) => terminated(workerOf(world, planned, 'publisher'));

export const consumerFrozen: Inject = async (world, planned) => {
  const worker = workerOf(world, planned, 'consumer');
  worker.freeze();
  return async () => worker.thaw();
};

export const consumerBlocked: Inject = async (world, planned) => {
  workerOf(world, planned, 'consumer').tell(`block ${planned.lastsMs}`);
  return nothingToHeal;
};

export const poison: Inject = async (world, planned) => {
  const before = deathsOf(world);
  workerOf(world, planned, 'publisher').tell('poison');
  return () => untilPoisonIsOver(world, before);
};

async function terminated(worker: ReturnType<typeof workerOf>): Promise<typeof nothingToHeal> {
  const ended = worker.whenEnded();
  worker.signal('SIGTERM');
  return async () => {
    const timer = setTimeout(() => worker.signal('SIGKILL'), closesWithinMs);
    await ended;
    clearTimeout(timer);
  };
}

/** Its deaths are counted by the starts of the consumers, whom nothing else kills meanwhile. */
async function untilPoisonIsOver(world: World, before: number): Promise<void> {
  let deaths = before;
  let lastDeathAt = Date.now();
  await eventually(() => {
    const now = deathsOf(world);
    if (now > deaths) lastDeathAt = Date.now();
    deaths = now;
    const isOver = deaths - before > deliveryLimit || Date.now() - lastDeathAt > poisonIsOverAfterMs;
    if (!isOver) throw new Error(`a poison message has killed ${deaths - before} consumers and is not laid aside`);
  }, poisonEndsWithinMs);
}

function deathsOf(world: World): number {
  return workersOf(world, 'consumer').reduce((sum, { starts }) => sum + starts, 0);
}
