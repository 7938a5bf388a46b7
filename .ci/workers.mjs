// Prints how many test workers this machine bears: 3 where its cores are quick, otherwise 2.
//
// A test waits most of its time, yet it has brokers beside it. With a third worker on two slow cores (304 simulated runs a
// second, where a quick machine does 630) twenty processes wait for a core, and tests for longer than their limits. So they do
// where a loop is quick and the kernel is not: a process that takes 6 ms to start and end, where others take 1.5.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Of a loop that takes 50 ms on a quick core, on each of two at once, in milliseconds. */
const quickLoopMs = 75;
/** Of a process that does nothing. */
const quickStartMs = 3;

if (process.send) {
  process.send(Math.min(...Array.from({ length: 5 }, timeLoop)));
} else {
  const cores = [0, 1].map(() => fork(fileURLToPath(import.meta.url)));
  const times = await Promise.all(cores.map(async (core) => (await once(core, 'message'))[0]));
  const starts = [];
  while (starts.length < 10) starts.push(await timeStart());
  const isQuick = Math.max(...times) <= quickLoopMs && Math.min(...starts) <= quickStartMs;
  console.log(availableParallelism() > 2 || isQuick ? 3 : 2);
}

async function timeStart() {
  const from = performance.now();
  await once(spawn('true'), 'close');
  return performance.now() - from;
}

function timeLoop() {
  const from = performance.now();
  let value = 1;
  for (let round = 0; round < 40_000_000; round += 1) {
    value = (Math.imul(value, 1_103_515_245) + 12_345) | 0;
    if (value & 1) value ^= round;
  }
  return value === 0 ? Number.POSITIVE_INFINITY : performance.now() - from;
}
