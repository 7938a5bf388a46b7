// Packs every package, checks the tarballs, and tries them as a new user would, outside the repository.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker } from '@surehop/testing';
import { tryExamples } from './copies.mjs';
import { run, step } from './shell.mjs';
import { makeTarballs } from './tarballs.mjs';
import { programsIn, tryAsNewUser } from './trial.mjs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const temporary = mkdtempSync(join(tmpdir(), 'surehop-packages-'));
let broker;
try {
  const packages = await makeTarballs(temporary);
  const versions = {
    24: process.execPath,
    22: await step('Node 22 from npm', () => node22(join(temporary, 'node-22'))),
  };
  broker = await step('a broker', () => startBroker());
  await tryAsNewUser({
    folder: join(temporary, 'trial'),
    packages,
    programs: programsIn(readme),
    versions,
    brokerUrl: async () => (await broker.vhost()).url(), // a program finds nothing that an earlier one left
  });
  await tryExamples(join(temporary, 'examples'), packages);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await broker?.close();
  rmSync(temporary, { recursive: true, force: true });
}

/** The oldest line that the packages run on, as npm packages it. */
async function node22(folder) {
  mkdirSync(folder);
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, 'node@22'], { cwd: folder });
  const node = join(folder, 'node_modules', 'node', 'bin', 'node');
  const version = (await run(node, ['--version'], { cwd: folder })).trim();
  if (!/^v22\.(2[2-9]|[3-9]\d)\./.test(version)) throw new Error(`wanted Node 22.22 or newer, got ${version}`);
  return node;
}
