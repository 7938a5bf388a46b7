import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { attachBroker, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startsFaster, surehop } from './command.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('src/main.ts', import.meta.resolve('@surehop/cli/package.json')));
const core = fileURLToPath(new URL('../../packages/core', import.meta.url));
const readme = await readFile(new URL('../../packages/cli/README.md', import.meta.url), 'utf8');

interface Example {
  readonly commands: readonly { readonly command: string; readonly output: string }[];
}

const blocks = [...readme.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)];
const files = blocks.flatMap(([, , name, text = '']) => (name === undefined ? [] : [{ name, text }]));
const examples = blocks.flatMap(([, kind, , text = '']) => (kind === 'console' ? [exampleIn(text)] : []));

const broker = attachBroker(inject('broker'));
let folder: string;
let vhost: Vhost;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'surehop-readme-'));
  vhost = await broker.vhost();
  const management = Object.assign(new URL(vhost.managementUrl), vhost.credentials);
  env = {
    ...startsFaster,
    PATH: process.env.PATH ?? '',
    AMQP_URL: vhost.url(),
    AMQP_MANAGEMENT_URL: management.href,
    XDG_STATE_HOME: folder,
  };
  for (const { name, text } of files) await writeFile(join(folder, name), text);
  await mkdir(join(folder, 'node_modules', '@surehop'), { recursive: true });
  await symlink(core, join(folder, 'node_modules', '@surehop', 'core'));
});
afterAll(async () => {
  await broker.close();
  await rm(folder, { recursive: true, force: true });
});

describe('packages/cli/README.md', () => {
  test.each(examples)('$commands.0.command', { timeout: 60_000 }, async ({ commands }) => {
    const outputs = await outputsOf(commands.map(({ command }) => command));
    for (const [index, { command, output }] of commands.entries()) {
      expect(shown(outputs[index] ?? ''), command).toMatch(patternOf(shown(output)));
    }
  });

  test('has an example of every command', async () => {
    const { stdout } = await surehop(['completion', 'bash']);
    const paths = [...stdout.matchAll(/^ {4}\/(\S+)\) words='(?!\w)/gm)].map(([, path = '']) => path.replace('/', ' '));
    const used = examples.flatMap(({ commands }) => commands.map(({ command }) => command));
    expect(paths.length).toBeGreaterThan(15);
    expect(paths.filter((path) => !used.some((command) => command.includes(`surehop ${path}`)))).toEqual([]);
  });
});

/** Commands begin with `$ `; what follows, up to the next one, is what they print. */
function exampleIn(text: string): Example {
  const [, ...parts] = text.split(/^\$ /m);
  const commands = parts.map((part) => {
    const end = part.indexOf('\n');
    return { command: part.slice(0, end), output: part.slice(end + 1) };
  });
  return { commands };
}

const mark = '----- next command -----';

function script(commands: readonly string[]): string {
  const define = `surehop() { '${process.execPath}' '${main}' "$@"; }\nexec 2>&1`;
  return [define, ...commands.flatMap((command) => [`status=$?; echo '${mark}'; (exit $status)`, command])].join('\n');
}

/** As a person sees it in one shell: both streams, one command after the other. */
async function outputsOf(commands: readonly string[]): Promise<string[]> {
  const end = await run('bash', ['-c', script(commands)], { cwd: folder, env }).catch((error: unknown) => error);
  const { stdout } = end as { stdout: string };
  return stdout.split(`${mark}\n`).slice(1);
}

/** What is another each time is the same. */
function shown(text: string): string {
  return text
    .replaceAll(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/g, '<uuid>')
    .replaceAll(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, '<time>')
    .replaceAll(/"timestamp":\d+/g, '"timestamp":<time>')
    .replaceAll(/\S+, virtual host [^\s.]+/g, '<broker>')
    .replaceAll(/, [\d,]+ bytes$/gm, ', <n> bytes')
    .trimEnd();
}

/** Three dots stand for anything, at the end of a line, or as a line for lines. */
function patternOf(output: string): RegExp {
  const escaped = output.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('[\\s\\S]*')}$`);
}
