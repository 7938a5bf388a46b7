import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, step } from './shell.mjs';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

/** Each example is copied out of the repository and runs there, with nothing but the packed packages. */
export async function tryExamples(into, packages) {
  for (const name of readdirSync(examples).filter((entry) => existsSync(join(examples, entry, 'package.json')))) {
    const folder = join(into, name);
    cpSync(join(examples, name), folder, { recursive: true, filter: (path) => basename(path) !== 'node_modules' });
    const { scripts = {}, dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const needed = neededBy(Object.keys(dependencies));
    const tarballs = packages.filter(({ name: one }) => needed.has(one));
    await step(`examples/${name}: npm install in a copy`, () =>
      run('npm', ['install', '--no-audit', '--no-fund', ...tarballs.map(({ tarball }) => tarball)], { cwd: folder }),
    );
    for (const script of Object.keys(scripts).filter((key) => key === 'typecheck' || /^\d+$/.test(key))) {
      await step(`examples/${name}: npm run ${script}`, () =>
        run('npm', ['run', script], { cwd: folder, limitMs: 120_000 }),
      );
    }
  }
}

/** With what our own packages need of each other: nobody else has it yet. */
function neededBy(names) {
  const others = names.includes('@surehop/outbox') ? ['@surehop/publisher'] : [];
  return new Set([...names, ...others, '@surehop/core']);
}
