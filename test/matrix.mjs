// Runs the integration tests on every broker release there is.
//
//   npm run test:matrix                     all of them
//   npm run test:matrix -- 4.3 container    these only
//
// RABBITMQ_RELEASES names a folder with one folder per release (`4.3/rabbitmq-server` and its tools) and, where there
// is one, a program `container-engine` that starts a Docker-compatible engine and prints the exports to use it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { enterRelease } from './release-folder.mjs';

const image = '4.3'; // of the container that @surehop/testing starts
// What depends on how a broker came to be, and what shows examples: a container runs this alone where a node of its
// release runs the rest.
const ofTheWay = ['testing', 'connection', 'examples'];
// What has its broker in memory, or none: `npm test` has run it.
const withoutBroker = ['architecture', 'faults', 'memory', 'nemesis', 'simulation', 'wire'];
// What starts brokers, shows examples, is a command or stands on a publisher depends on the release hardly at all: the
// oldest and the newest run it.
const ofNoRelease = [
  'testing',
  'examples',
  'outbox',
  'cli',
  'interop',
  'dead-letters',
  'bench',
  'two-way',
  'resequencing',
];
// Giving messages back is another thing on each release.
const ofEachRelease = ['browsing', 'foreign-queues', 'pass'].map((name) => `test/dead-letters/${name}.test.ts`);
// A spool is a file before it is a publisher, and a benchmark compares libraries: one release is enough. (The rest of the
// outbox is added by its files.)
const ofOneRelease = ['bench', 'outbox'];
// Long ones in which the broker is hardly asked: processes of ours that are killed and go on, pages of documentation.
const longOfOneRelease = [
  'test/cli/confirmation.test.ts',
  'test/cli/readme.test.ts',
  'test/dead-letters/killed.test.ts',
  'test/outbox/delays-killed.test.ts',
  'test/testing/reaper.test.ts',
];
const releases = process.env.RABBITMQ_RELEASES && resolve(process.env.RABBITMQ_RELEASES);
const engineProgram = releases && join(releases, 'container-engine');
const { positionals: wanted } = parseArgs({ allowPositionals: true });

const legs = [...releaseLegs(), installedLeg(), containerLeg()].filter(
  ({ name }) => wanted.length === 0 || wanted.includes(name),
);
const unknown = wanted.filter((name) => !legs.some((leg) => leg.name === name));
for (const name of unknown) console.log(`matrix: ${name} is left out: there is no such release here`);

let current;
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopped = true;
    current?.kill(signal); // its end is what stops us, so that the engine is stopped as well
  });
}

const results = [];
for (const leg of legs) results.push({ name: leg.name, outcome: stopped ? 'failed' : await runLeg(leg) });
console.log('');
for (const { name, outcome } of results) console.log(`matrix: ${name}: ${outcome}`);
if (results.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;

/** Each folder of RABBITMQ_RELEASES that is named after a release. */
function releaseLegs() {
  if (!releases || !existsSync(releases)) {
    console.log('matrix: further releases are left out: RABBITMQ_RELEASES names no folder');
    return [];
  }
  const names = readdirSync(releases).filter((name) => /^\d+\.\d+$/.test(name));
  return names.map((name) => ({
    name,
    async enter() {
      const { path, leave } = pathOf(name);
      const files = name === image ? await ofTheImage() : ofTheRelease();
      return { files, env: { ...asNode(name), PATH: path }, leave };
    },
  }));
}

/** What a node of the container's release leaves to it, if there will be one. */
async function ofTheContainer() {
  const isWanted = wanted.length === 0 || wanted.includes('container');
  return isWanted && (hasEngineProgram() || (await engineAnswers())) ? ofTheWay : [];
}

/** Of the newest release, which runs nearly everything. */
async function ofTheImage() {
  const ofOutbox = readdirSync(new URL('outbox/', import.meta.url)).filter((name) =>
    /^(?!spool).*\.test\.ts$/.test(name),
  );
  return [
    ...foldersBut([...withoutBroker, ...ofOneRelease, ...(await ofTheContainer())]),
    ...ofOutbox.map((name) => `test/outbox/${name}`),
  ];
}

function ofTheRelease() {
  return [...foldersBut([...withoutBroker, ...ofNoRelease]), ...ofEachRelease];
}

function foldersBut(leftOut) {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const folders = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.filter(({ name }) => !leftOut.includes(name)).map(({ name }) => `test/${name}/`);
}

/** Of folders and files, the test files that one release after another has to run. */
function testFilesOf(names) {
  const here = new URL('../', import.meta.url);
  return names
    .flatMap((name) => {
      if (!name.endsWith('/')) return [name];
      const found = readdirSync(new URL(name, here), { recursive: true });
      return found.filter((file) => file.endsWith('.test.ts')).map((file) => `${name}${file}`);
    })
    .filter((name) => !longOfOneRelease.includes(name));
}

/** PATH with a release's programs first, so that private nodes are of that release. */
function pathOf(name) {
  const { folder, leave } = enterRelease(join(releases, name), name);
  return { path: `${folder}${delimiter}${process.env.PATH}`, leave };
}

/** What the distribution has put on PATH. Its tools say which release that is, without a node. */
function installedLeg() {
  return {
    name: 'installed',
    enter() {
      const { status, stdout } = spawnSync('rabbitmqctl', ['version'], { encoding: 'utf8' });
      const version = /^\d+\.\d+/m.exec(stdout ?? '')?.[0];
      if (status !== 0 || !version) return { missing: 'there is no rabbitmqctl on PATH that tells its version' };
      return { env: asNode(version) };
    },
  };
}

/**
 * A container, of the engine that is there or else of the one that RABBITMQ_RELEASES can start. The private nodes of
 * tests that need more than a container allows are of the same release, where it is there.
 */
function containerLeg() {
  return {
    name: 'container',
    async enter() {
      const engine = await enterEngine();
      if (engine.missing) return engine;
      const release = releases && existsSync(join(releases, image)) ? pathOf(image) : undefined;
      const path = release && { PATH: release.path };
      const isRunAnyhow = legs.some(({ name }) => name === image);
      return {
        files: isRunAnyhow ? ofTheWay.map((name) => `test/${name}/`) : [],
        env: { SUREHOP_BROKER: 'container', SUREHOP_EXPECT_VERSION: image, ...engine.env, ...path },
        leave() {
          release?.leave();
          engine.leave?.();
        },
      };
    },
  };
}

function hasEngineProgram() {
  return engineProgram !== undefined && existsSync(engineProgram);
}

/** Stopped afterwards only if it was started here. */
async function enterEngine() {
  if (await engineAnswers()) return { env: {} };
  if (!hasEngineProgram()) return { missing: 'no container engine answers' };
  const socketsBefore = listeningSockets();
  const { status, stdout } = spawnSync(engineProgram, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) return { missing: `${engineProgram} exited with ${status}`, failed: true };
  const env = Object.fromEntries([...stdout.matchAll(/\b([A-Z_]+)=(\S+)/g)].map(([, name, value]) => [name, value]));
  const wasThere = socketsBefore.includes(env.DOCKER_HOST?.replace('unix://', ''));
  return { env, leave: wasThere ? undefined : () => spawnSync(engineProgram, ['stop'], { stdio: 'inherit' }) };
}

function asNode(version) {
  return { SUREHOP_BROKER: 'node', SUREHOP_EXPECT_VERSION: version };
}

function listeningSockets() {
  const table = '/proc/net/unix';
  if (!existsSync(table)) return [];
  return readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.split(' ').at(-1));
}

function engineAnswers() {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  if (!host.startsWith('unix://')) return true; // somebody set it on purpose
  return new Promise((resolve) => {
    const ping = request({ socketPath: host.slice('unix://'.length), path: '/_ping', timeout: 5_000 });
    ping.on('response', ({ statusCode }) => resolve(statusCode === 200));
    ping.on('timeout', () => ping.destroy(new Error('no answer')));
    ping.on('error', () => resolve(false));
    ping.end();
  });
}

async function runLeg({ name, enter }) {
  const started = Date.now();
  console.log(`\nmatrix: ${name}`);
  const { env, files = [], missing, failed, leave } = await enter();
  if (missing) {
    console.log(`matrix: ${name} is left out: ${missing}`);
    return failed ? 'failed' : 'left out';
  }
  try {
    const { AMQP_URL: _, ...inherited } = process.env; // each leg brings its own broker
    const report = process.env.SUREHOP_REPORT?.replace(/(\.json)?$/, `-${name}.json`);
    const code = await runTests(testFilesOf(files), {
      ...inherited,
      ...env,
      REQUIRE_BROKER: '1',
      ...(report && { SUREHOP_REPORT: report }),
    });
    console.log(`matrix: ${name} took ${Math.round((Date.now() - started) / 1000)} s`);
    return code === 0 ? 'passed' : 'failed';
  } finally {
    leave?.();
  }
}

function runTests(files, env) {
  return new Promise((resolve) => {
    current = spawn('vitest', ['run', '--project', 'integration', ...files], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env,
    });
    current.on('error', (error) => resolve(error.message));
    current.on('close', resolve);
  });
}
