import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { endProcess, identify, isRunning } from './process.ts';

function sleeper(): { identity: NonNullable<ReturnType<typeof identify>> } {
  const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  const identity = identify(child.pid as number);
  if (identity === undefined) throw new Error('sleep did not start');
  return { identity };
}

test('endProcess() ends a process, frozen or not, and may be called again', async () => {
  const { identity } = sleeper();
  process.kill(identity.pid, 'SIGSTOP');

  await endProcess(identity);
  await endProcess(identity);

  expect(isRunning(identity)).toBe(false);
});

test('a later process with the same number is left alone', async () => {
  const { identity } = sleeper();

  await endProcess({ ...identity, startedAt: 'at another time' });

  expect(isRunning(identity)).toBe(true);
  await endProcess(identity);
});
