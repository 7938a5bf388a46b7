// Makes node_modules ready, on any Node >= 20, then runs the command that follows, if any, on the workspace's own Node:
//
//   node setup.mjs                       only the set-up
//   node setup.mjs node examples/x.ts    the set-up, then `node examples/x.ts` on the Node that came from npm
//
// While lockfile and manifests are unchanged since the last successful set-up, this takes milliseconds.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pnpm = 'pnpm@12.21.0';
const root = fileURLToPath(new URL('.', import.meta.url));
const bin = join(root, 'node_modules', '.bin');
const marker = join(root, 'node_modules', '.surehop-setup');
const shell = process.platform === 'win32'; // npx and the links in .bin are .cmd files there

const workspaces = ['.', 'test', 'test/bench', ...childrenOf('packages'), ...childrenOf('examples')].filter((folder) =>
  existsSync(join(root, folder, 'package.json')),
);
const state = fingerprint();
if (!isReady()) await install();

const [command, ...args] = process.argv.slice(2);
if (command !== undefined) run(command, args);

function childrenOf(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
}

/** Everything that decides what an install would put into node_modules. */
function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch} ${pnpm}`);
  for (const file of [
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...workspaces.map((folder) => `${folder}/package.json`),
  ]) {
    hash.update(`\n${file}\n`).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

function isReady() {
  return (
    existsSync(marker) &&
    readFileSync(marker, 'utf8') === state &&
    existsSync(join(bin, 'vitest')) &&
    workspaces.every((folder) => existsSync(join(root, folder, 'node_modules')) || hasNoDependencies(folder))
  );
}

function hasNoDependencies(folder) {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length === 0;
}

async function install() {
  const started = Date.now();
  process.stderr.write(`Setting up: installing dependencies with ${pnpm} (about 20 s the first time) ...\n`);
  rmSync(marker, { force: true });
  const { code, output } = await capture('npx', ['--yes', pnpm, 'install', '--frozen-lockfile']);
  if (code !== 0) fail(`The dependencies could not be installed (exit code ${code}).`, adviceFor(output), output);
  checkNode();
  writeFileSync(marker, state);
  process.stderr.write(`Set up in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`);
}

function capture(program, parameters) {
  return new Promise((resolve) => {
    const env = { ...process.env, CI: 'true' }; // no questions, no progress bars
    const child = spawn(program, parameters, { cwd: root, env, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: error.code, output: String(error) }));
    child.on('close', (code) => resolve({ code, output }));
  });
}

function adviceFor(output) {
  if (output.includes('OUTDATED_LOCKFILE')) {
    return `A package.json and pnpm-lock.yaml differ. Bring them together with: npx ${pnpm} install`;
  }
  if (/ENOENT.*npx|spawn npx/.test(output)) return 'npx was not found. It comes with npm.';
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(output)) return 'The npm registry cannot be reached.';
  if (/EACCES|EPERM/.test(output)) return `Is ${root} writable for this user?`;
  if (output.includes('ENOSPC')) return 'The disk is full.';
  return 'What it said last stands above.';
}

/** The Node from npm is optional: where it has no build for this machine, a recent enough system Node does. */
function checkNode() {
  const bundled = join(bin, 'node');
  if (existsSync(bundled) && spawnSync(bundled, ['--version'], { shell }).status === 0) return;
  for (const name of ['node', 'node.cmd', 'node.ps1']) rmSync(join(bin, name), { force: true });
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 13)) return;
  fail(
    `Node ${process.versions.node} is too old, and Node 24 did not come from npm (${process.platform}-${process.arch}).`,
    'Install Node 22.13 or newer, then run this again.',
  );
}

function fail(what, advice, output = '') {
  const lastLines = output.trimEnd().split('\n').slice(-25);
  process.stderr.write([...lastLines, '', what, advice, ''].join('\n').trimStart());
  process.exit(1);
}

function run(program, parameters) {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const child = spawn(program, parameters, { stdio: 'inherit', env, shell });
  process.on('SIGINT', () => {}); // a terminal sends it to the child as well; the child decides
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${program} could not be started: ${error.message}`, ''));
  child.on('close', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
