import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, step } from './shell.mjs';

const packagesFolder = fileURLToPath(new URL('../../packages/', import.meta.url));

/** Builds and packs every package, and checks what would be published. Gives name, tarball and programs of each. */
export async function makeTarballs(into) {
  const folders = readdirSync(packagesFolder);
  const packages = [];
  for (const folder of folders) {
    const cwd = join(packagesFolder, folder);
    const { name, version, exports, bin = {} } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'));
    const tarball = join(into, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
    rmSync(join(cwd, 'dist'), { recursive: true, force: true });
    await step(`${name}: tsc builds it`, () => run('tsc', ['-p', 'tsconfig.build.json'], { cwd }));
    await step(`${name}: pack`, () => run('pnpm', ['pack', '--pack-destination', into], { cwd }));
    rmSync(join(cwd, 'dist'), { recursive: true });
    packages.push({ name, tarball, isLibrary: '.' in exports, programs: Object.keys(bin) });
  }
  for (const { name, tarball, isLibrary } of packages) {
    await step(`${name}: no test, source or secret is packed`, () => checkContents(tarball));
    await step(`${name}: publint`, () => run('publint', ['run', tarball, '--strict'], { cwd: into }));
    if (!isLibrary) continue; // a program has no types
    // A file of SQL has no types.
    await step(`${name}: attw`, () =>
      run('attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--exclude-entrypoints', './outbox.sql'], {
        cwd: into,
      }),
    );
  }
  return packages;
}

async function checkContents(tarball) {
  const files = (await run('tar', ['-tzf', tarball])).trim().split('\n');
  const expected =
    /^package\/(package\.json|README\.md|LICENSE|CHANGELOG\.md|outbox\.sql|dist\/.+(?<!\.test(-d)?)\.(js|d\.ts|js\.map))$/;
  const surprising = files.filter((file) => !expected.test(file));
  if (surprising.length > 0) throw new Error(`${tarball} holds ${surprising.join(', ')}`);
  if (!files.includes('package/LICENSE')) throw new Error(`${tarball} has no LICENSE`);
  const manifest = await run('tar', ['-xzOf', tarball, 'package/package.json']);
  if (/workspace:|catalog:|\.\/src\//.test(manifest))
    throw new Error(`${tarball} is not ready to publish:\n${manifest}`);
}
