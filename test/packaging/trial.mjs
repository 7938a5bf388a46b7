import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run, step } from './shell.mjs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const strict = {
  compilerOptions: {
    target: 'ES2023',
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    rewriteRelativeImportExtensions: true,
    rootDir: 'src',
    outDir: 'out',
  },
  include: ['src'],
};

/** The programs that README.md shows first: every code block that imports our packages, up to the next heading. */
export function programsIn(readme) {
  const start = readme.search(/^```(?:ts|js)[^`]*?from '@surehop\//m);
  if (start < 0) throw new Error('README.md has no code block that imports @surehop/*');
  const section = readme.slice(start).split(/^#+ /m)[0];
  return [...section.matchAll(/^```(?:ts|js).*\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
}

/** What a new user does: an empty project, the packages installed, the programs of the README saved and run. */
export async function tryAsNewUser({ folder, packages, programs, versions, brokerUrl }) {
  const tarballs = packages.map(({ tarball }) => tarball);
  const others = programs.flatMap((code) => [...code.matchAll(/from '([^'.]+)'/g)].map(([, name]) => name));
  const extra = [...new Set(others)].filter((name) => !name.startsWith('@surehop/') && !name.startsWith('node:'));
  const libraries = packages.filter(({ isLibrary }) => isLibrary);
  const importAll = libraries.map(({ name }) => `import * as ${name.replace(/\W/g, '_')} from '${name}';`);
  const useAll = libraries.map(
    ({ name }) =>
      `if (Object.keys(${name.replace(/\W/g, '_')}).length === 0) throw new Error('${name} exports nothing');`,
  );
  const all = [...importAll, ...useAll, ''].join('\n');

  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'trial', private: true, type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(strict));
  for (const [index, code] of programs.entries()) {
    writeFileSync(join(folder, 'src', `program-${index + 1}.ts`), code);
    writeFileSync(join(folder, `program-${index + 1}.js`), code);
  }
  writeFileSync(join(folder, 'src', 'all.ts'), all);

  await step(`new user: npm install${extra.length > 0 ? ` (and ${extra.join(', ')})` : ''}`, () =>
    run('npm', ['install', '--no-audit', '--no-fund', ...tarballs, ...extra], { cwd: folder }),
  );
  const { typescript } = manifest.devDependencies;
  await step('new user: npm install typescript @types/node', () =>
    run('npm', ['install', '--no-audit', '--no-fund', '-D', `typescript@${typescript}`, '@types/node@22'], {
      cwd: folder,
    }),
  );
  await step('new user: tsc, strict, skipLibCheck false', () =>
    run(join(folder, 'node_modules', '.bin', 'tsc'), [], { cwd: folder }),
  );

  for (const [version, node] of Object.entries(versions)) {
    await step(`Node ${version}: imports every package`, () => run(node, ['out/all.js'], { cwd: folder }));
    for (const program of packages.flatMap(({ programs: own }) => own)) {
      await step(`Node ${version}: ${program}`, () => tryProgram(folder, node, program, brokerUrl));
    }
    for (const index of programs.keys()) {
      const files = { JavaScript: `program-${index + 1}.js`, TypeScript: `out/program-${index + 1}.js` };
      for (const [language, file] of Object.entries(files)) {
        const env = { AMQP_URL: await brokerUrl() };
        await step(`Node ${version}: program ${index + 1} of README.md, ${language}`, () =>
          run(node, [file], { cwd: folder, env, limitMs: 60_000 }),
        );
      }
    }
  }
}

/** As npm has put it on PATH, by the Node that is found there. It declares, publishes and consumes. */
async function tryProgram(folder, node, program, brokerUrl) {
  const env = {
    AMQP_URL: await brokerUrl(),
    PATH: [dirname(node), join(folder, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  };
  const limits = { cwd: folder, env, limitMs: 60_000 };
  writeFileSync(join(folder, 'contracts.js'), contracts);
  writeFileSync(join(folder, 'message.ndjson'), '{"body":{"n":1}}\n');
  const commands = [
    `topology apply --contracts contracts.js`,
    `publish trial --file message.ndjson`,
    `consume trial --limit 1`,
    `dlq list trial`,
  ];
  for (const command of commands) await run(program, command.split(' '), limits);
}

const contracts = `import { defineQueue } from '@surehop/core';\nexport const trial = defineQueue('trial');\n`;
