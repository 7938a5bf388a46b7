import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually, startBroker } from '@surehop/testing';
import { expect, onTestFinished, test, vi } from 'vitest';

interface Traces {
  readonly pid: number;
  readonly folder: string;
  readonly epmdPort: number;
}

const program = fileURLToPath(new URL('./abandoned-broker.ts', import.meta.url));

/** Resolves to what the other process has started, when it runs. */
async function abandon(end: 'SIGKILL' | 'SIGINT' | 'return', nodes = 1): Promise<Traces> {
  const child = spawn(process.execPath, [program, end, String(nodes)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const traces = JSON.parse(String(line)) as Traces;
  if (end !== 'return') {
    expect(existsSync(traces.folder)).toBe(true);
    expect(await listens(traces.epmdPort)).toBe(true);
    child.kill(end);
  }
  await exited;
  return traces;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test.each([
  ['SIGKILL', 1],
  ['SIGINT', 1],
  ['return', 1],
  ['return', 2],
] as const)(
  'a process that ends by %s leaves none of its nodes (%i), no port mapper and no folder',
  async (end, nodes) => {
    const { pid, folder, epmdPort } = await abandon(end, nodes);

    await eventually(async () => {
      expect(runs(pid)).toBe(false);
      expect(await listens(epmdPort)).toBe(false);
      expect(existsSync(folder)).toBe(false);
      expect(existsSync(dirname(folder))).toBe(false);
    }, 10_000);
  },
  60_000,
);

test('what a node of a cluster has started starts no port mapper, although ours is gone', async () => {
  const cluster = await startBroker({ kind: 'node', nodes: 2, log: () => {} });
  const env = cluster.definition().nodes[0]?.ctl?.env;
  await cluster.close();
  assert(env?.ERL_EPMD_PORT); // the machine's own port mapper otherwise

  // As RabbitMQ does while it starts, in a session of its own, which the end of the node does not end.
  const starter = promisify(execFile)('erl', ['-noinput', '-sname', 'starter', '-eval', 'halt().'], { env });
  await starter.catch(() => undefined); // its home is gone: it would have started the mapper before it noticed

  const isLeft = await listens(Number(env.ERL_EPMD_PORT));
  if (isLeft) await promisify(execFile)('epmd', ['-kill'], { env });
  expect(isLeft).toBe(false);
}, 60_000);

test('a node that does not start says why, and leaves nothing behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'surehop-failing-'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  vi.stubEnv('TMPDIR', folder);

  const refusal = await startBroker({ config: 'no.such.key = 1', log: () => {} }).catch((error: Error) => error);

  expect(String(refusal)).toContain('ended while it started');
  expect(String(refusal)).toContain('no.such.key');
  expect(readdirSync(folder)).toEqual([]);
}, 60_000);
