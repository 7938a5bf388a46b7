import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { World } from './world.ts';

/** Leaves in a folder what the processes and the nodes have written, for whoever looks for the cause of something. */
export async function keepIn(folder: string, { workers, broker }: World): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const worker of workers) {
    writeFileSync(join(folder, `${worker.name}.log`), worker.readLog());
    writeFileSync(join(folder, `${worker.name}.journal`), worker.journal.bytes());
  }
  for (const node of broker.nodes) {
    const answer = await node.ctl(['eval', 'rabbit:data_dir().']).catch(() => '');
    const data = /"(.+)"/.exec(answer)?.[1];
    if (data !== undefined) cpSync(join(dirname(dirname(data)), 'logs'), join(folder, node.name), { recursive: true });
  }
}
