import { parseArgs } from 'node:util';
import { startBroker } from '@surehop/testing';
import { pathOfRelease } from '../nemesis/release.ts';
import { measureDelays } from './measuring.ts';

/** `npm run delays -- --release 4.3 --kill`: how exact delays are, and whether any is lost. See docs/delays.md. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '10000' },
      rate: { type: 'string', default: '500' },
      from: { type: 'string', default: '100' },
      to: { type: 'string', default: '60000' },
      seed: { type: 'string', default: '1' },
      unroutable: { type: 'string', default: '0' },
      kill: { type: 'boolean', default: false },
      release: { type: 'string' },
    },
  });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const { path, leave } = pathOfRelease(values.release, process.env);
  try {
    await using broker = await startBroker({ kind: 'node', env: { ...process.env, PATH: path }, log: say });
    await using vhost = await broker.vhost();
    const report = await measureDelays({
      broker,
      vhost,
      messages: Number(values.messages),
      perSecond: Number(values.rate),
      fromMs: Number(values.from),
      toMs: Number(values.to),
      seed: Number(values.seed),
      unroutable: Number(values.unroutable),
      kill: values.kill,
      say,
    });
    say(JSON.stringify(report));
    const isLate = !values.kill && report.lateMs.p99Ms > latestMs;
    if (report.lost + report.early > 0 || isLate) process.exitCode = 1;
  } finally {
    leave();
  }
}

/** The resolution of 100 ms, and 250 ms for the broker. */
const latestMs = 350;

await main();
