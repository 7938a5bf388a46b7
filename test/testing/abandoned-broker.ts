/** Starts private nodes, says what it has, and waits to be killed. Run by `reaper.test.ts`. */
import { readFileSync } from 'node:fs';
import { startBroker } from '@surehop/testing';

const broker = await startBroker({ kind: 'node', nodes: Number(process.argv[3]), log: () => {} });
const env = broker.definition().nodes[0]?.ctl?.env ?? {};
const pidFile = env.RABBITMQ_PID_FILE ?? '';
const traces = {
  pid: Number(readFileSync(pidFile, 'utf8')),
  folder: pidFile.slice(0, pidFile.lastIndexOf('/')),
  epmdPort: Number(env.ERL_EPMD_PORT),
};
process.stdout.write(`${JSON.stringify(traces)}\n`);
if (process.argv[2] === 'return') process.exitCode = 0;
else setInterval(() => {}, 60_000);
