// Runs every scenario in its long form on every broker release there is, keeps what was measured in results.jsonl, and
// writes docs/faults.md and docs/guarantees.md from it.
//
//   npm run faults:all                   on the installed release and those of RABBITMQ_RELEASES
//   npm run faults:all -- 4.3            on these only; what was measured on others stays
//   npm run faults:all -- 4.3 broker-*   these scenarios only
//   npm run faults:all -- --short        in the short form, where there is one; nothing is kept: the pages are of the long form
//   npm run faults:all -- --turns        each once, in its short form, on one release in turn; nothing is kept
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { enterRelease } from '../release-folder.mjs';
import { keepResults } from './results.ts';
import type { Omission, Result } from './run.ts';
import { scenarios } from './scenarios/index.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));
const releases = process.env.RABBITMQ_RELEASES && resolve(process.env.RABBITMQ_RELEASES);
const isRelease = (name: string): boolean => /^\d+\.\d+$/.test(name) || name === 'installed';
const areTurns = process.argv.includes('--turns');
const isShort = process.argv.includes('--short');
const args = process.argv.slice(2).filter((arg) => arg !== '--turns' && arg !== '--short');

const running = new Set<ChildProcess>();
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    isStopped = true; // their end is what stops us
    for (const child of running) child.kill(signal);
  });
}

// At once: most of their time the scenarios wait, and each leg has brokers of its own.
const all = legs();
const codes = await Promise.all(
  all.map(async (name, index) => {
    const turn = ['--once', '--turn', `${index + 1}/${all.length}`];
    const { results, code } = await runLeg(name, areTurns ? turn : isShort ? [] : ['--long']);
    if (!areTurns && !isShort && !isStopped) keepResults(results, scenarios);
    return code;
  }),
);
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;

/** A release may install itself on its first use, and two of them at once would be in each other's way. */
function makeReady(folder: string): void {
  const { status, stderr } = spawnSync(join(folder, 'rabbitmqctl'), ['version'], { encoding: 'utf8' });
  if (status !== 0) console.log(`${folder} is not ready: ${stderr}`);
}

function legs(): string[] {
  const found = releases && existsSync(releases) ? readdirSync(releases).filter(isRelease) : [];
  const asked = args.filter(isRelease);
  return ['installed', ...found].filter((name) => asked.length === 0 || asked.includes(name));
}

async function runLeg(name: string, form: readonly string[]): Promise<{ results: Result[]; code: number }> {
  const entered = name === 'installed' || !releases ? undefined : enterRelease(join(releases, name), name);
  try {
    if (entered !== undefined) makeReady(entered.folder);
    const path = entered === undefined ? process.env.PATH : `${entered.folder}${delimiter}${process.env.PATH}`;
    const { AMQP_URL: _, ...inherited } = process.env;
    const child = spawn(process.execPath, [program, '--json', ...form, ...args.filter((arg) => !isRelease(arg))], {
      env: { ...inherited, PATH: path, SUREHOP_BROKER: 'node', REQUIRE_BROKER: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const ended = new Promise<number>((done) => child.on('close', (code) => done(code ?? 1))).finally(() =>
      running.delete(child),
    );
    createInterface({ input: child.stderr }).on('line', (line) => console.log(`${name.padEnd(9)} ${line}`));
    const results: Result[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const told = JSON.parse(line) as Result | Omission;
      if (!('omitted' in told)) results.push(told); // what cannot run leaves what was measured before as it is
    }
    return { results, code: await ended };
  } finally {
    entered?.leave();
  }
}
