/**
 * Runs as a process of its own. Reads leftovers from standard input, one JSON object a line, and removes them at its
 * end, which comes when the process that wrote them closes it or dies, however it dies.
 */
import { createInterface } from 'node:readline';
import { type Leftover, removeAll } from './leftover.ts';

const leftovers: Leftover[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  leftovers.push(JSON.parse(line) as Leftover);
}
try {
  await removeAll(leftovers);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
