import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBroker } from '@surehop/testing';
import { spoolLoad } from './spool-load.ts';
import { measureSpool } from './spool-speed.ts';

/** `npm run spool -- load` and `npm run spool -- speed`: the long forms, see docs/spool.md. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      messages: { type: 'string', default: '120000' },
      away: { type: 'string', default: '60' },
      kills: { type: 'string', default: '20' },
      folder: { type: 'string', default: tmpdir() },
    },
  });
  const [what = 'load'] = positionals;
  const folder = mkdtempSync(join(values.folder, 'surehop-spool-'));
  const broker = await startBroker();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    await using vhost = await broker.vhost();
    say(`${broker.description}, Node ${process.version}`);
    if (what === 'speed') await measureSpool({ vhost, folder, say });
    else {
      const [messages, kills] = [Number(values.messages), Number(values.kills)];
      const awayMs = Number(values.away) * 1_000;
      const report = await spoolLoad({
        vhost,
        file: join(folder, 'spool'),
        messages,
        awayMs,
        perSecond: 4_000,
        kills,
        say,
      });
      const { lost, phantom, hung, stuck, ...numbers } = report;
      say(
        JSON.stringify({
          ...numbers,
          lost: lost.length,
          phantom: phantom.length,
          hung: hung.length,
          stuck: stuck.length,
        }),
      );
      if (lost.length + phantom.length + hung.length + report.outOfOrder > 0) process.exitCode = 1;
    }
  } finally {
    await broker.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
