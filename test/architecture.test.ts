import { describe, expect, test } from 'vitest';
import { cyclesIn, manifestOf, membersOf, type Source, sourcesIn, targetOf } from './architecture/sources.ts';

/** Who may import whom. Reading this table is reading the architecture. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: ['amqplib', 'p-retry', 'pino', 'uuid', '@standard-schema/spec'],
  publisher: ['@surehop/core'],
  consumer: ['@surehop/core'],
  outbox: ['@surehop/core', '@surehop/publisher', 'lru-cache', 'pg'],
  'dead-letters': ['@surehop/core'],
  cli: [
    '@surehop/core',
    '@surehop/publisher',
    '@surehop/consumer',
    '@surehop/dead-letters',
    'commander',
    '@clack/prompts',
  ],
  testing: ['@surehop/core', 'pg', 'testcontainers'],
};

/** The only files that may touch a dependency or an effect, for those that have some. */
const onlyIn: Readonly<Record<string, readonly string[]>> = {
  amqplib: ['packages/core/src/driver-amqplib.ts', 'packages/core/src/amqplib-channel.ts'],
  uuid: ['packages/core/src/effects.ts'],
};

/** What a seeded simulation must own; called in one file, and passed in everywhere else. */
const effects: Readonly<Record<string, RegExp>> = {
  'Date.now': /\bDate\.now\b/,
  'new Date()': /\bnew Date(?!\w)(?:\(\s*\)|(?!\s*\())/,
  'performance.now': /\bperformance\.now\b/,
  'process.hrtime': /\bprocess\.hrtime\b/,
  setTimeout: /(?:(?<![.\w$])|\bglobalThis\.)setTimeout\b/,
  setInterval: /(?:(?<![.\w$])|\bglobalThis\.)setInterval\b/,
  setImmediate: /(?:(?<![.\w$])|\bglobalThis\.)setImmediate\b/,
  'node:timers': /['"]node:timers(?:\/promises)?['"]/,
  'AbortSignal.timeout': /\bAbortSignal\.timeout\b/,
  'Math.random': /\bMath\.random\b/,
  'random of node:crypto': /\b(?:randomUUID|randomBytes|randomInt|getRandomValues)\b/,
};
const effectsFile = 'packages/core/src/effects.ts';

/** What a library does not do at all: the application owns the process. */
const processWide: Readonly<Record<string, RegExp>> = {
  console: /(?<![.\w$])console\b/,
  'process.env': /\bprocess\.env\b/,
  'process.on': /\bprocess\.(?:on|once|addListener|exit|exitCode|kill)\b/,
};

const maxLines = 350;
const namesThatSayNothing = /(?:^|[/.-])(?:utils?|commons?|helpers?|misc)(?=[/.-])/;

/** `cli` is a program: the process, the clock and the environment are its own. */
const libraries = membersOf('packages').filter((name) => name !== 'testing' && name !== 'cli');
const inPackages = sourcesIn('packages');
const everything = [...inPackages, ...sourcesIn('test'), ...sourcesIn('examples')];

describe.each(membersOf('packages'))('packages/%s', (name) => {
  const sources = inPackages.filter(({ path }) => path.startsWith(`packages/${name}/`));

  test('depends only on what the table allows', () => {
    const { dependencies, peerDependencies } = manifestOf(`packages/${name}`);
    const actual = Object.keys({ ...dependencies, ...peerDependencies });
    expect(actual.filter((dependency) => !allowed[name]?.includes(dependency))).toEqual([]);
  });

  test('imports only what the table allows', () => {
    const isAllowed = (dependency: string) => allowed[name]?.includes(dependency);
    expect(importsBeyond(sources.filter(isProduct), isAllowed)).toEqual([]);
  });

  test('has no import cycle', () => {
    expect(cyclesIn(sources)).toEqual([]);
  });

  test('reaches other packages by their names only', () => {
    const outside = (source: Source) =>
      source.imports
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => targetOf(source.path, specifier))
        .filter((target) => !target.startsWith(`packages/${name}/`));
    expect(found(sources, outside)).toEqual([]);
  });
});

describe.each(libraries)('packages/%s', (name) => {
  const sources = inPackages.filter(({ path }) => path.startsWith(`packages/${name}/`)).filter(isProduct);

  test(`takes time and chance from ${effectsFile}`, () => {
    const elsewhere = sources.filter(({ path }) => path !== effectsFile);
    expect(found(elsewhere, ({ code }) => matching(effects, code))).toEqual([]);
  });

  test('leaves the process to the application', () => {
    expect(found(sources, ({ code }) => matching(processWide, code))).toEqual([]);
  });
});

test.each(Object.entries(onlyIn))('%s is imported in %s only', (dependency, files) => {
  const elsewhere = inPackages.filter((source) => isProduct(source) && !files.includes(source.path));
  expect(importsBeyond(elsewhere, (name) => name !== dependency)).toEqual([]);
});

test('examples import no internals', () => {
  const internal = ({ imports }: Source) =>
    imports.map(({ specifier }) => specifier).filter((specifier) => /^@surehop\/[\w-]+\/./.test(specifier));
  expect(found(sourcesIn('examples'), internal)).toEqual([]);
});

describe.each(membersOf('examples'))('examples/%s', (name) => {
  const folder = `examples/${name}`;
  const sources = sourcesIn(folder);
  const { dependencies = {}, devDependencies = {} } = manifestOf(folder);

  test('imports only what its own manifest names', () => {
    const declared = Object.keys({ ...dependencies, ...devDependencies });
    expect(importsBeyond(sources, (dependency) => declared.includes(dependency))).toEqual([]);
  });

  test('imports no file from outside its folder', () => {
    const outside = (source: Source) =>
      source.imports
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => targetOf(source.path, specifier))
        .filter((target) => !target.startsWith(`${folder}/`));
    expect(found(sources, outside)).toEqual([]);
  });

  test('asks for published versions', () => {
    const versions = Object.values({ ...dependencies, ...devDependencies });
    expect(versions.filter((version) => /^(?:workspace|catalog|link|file):/.test(version))).toEqual([]);
  });
});

test(`no file is longer than ${maxLines} lines`, () => {
  const tooLong = everything.filter(({ lineCount }) => lineCount > maxLines);
  expect(tooLong.map(({ path, lineCount }) => `${path}: ${lineCount} lines`)).toEqual([]);
});

test('files and folders are named after what is in them', () => {
  expect(everything.map(({ path }) => path).filter((path) => namesThatSayNothing.test(path))).toEqual([]);
});

function isProduct(source: Source): boolean {
  return !source.isTest;
}

function matching(patterns: Readonly<Record<string, RegExp>>, code: string): string[] {
  return Object.entries(patterns).flatMap(([name, pattern]) => (pattern.test(code) ? [name] : []));
}

function importsBeyond(sources: readonly Source[], isAllowed: (dependency: string) => boolean | undefined): string[] {
  return found(sources, ({ imports }) =>
    imports.flatMap((imported) => (imported.package && !isAllowed(imported.package) ? [imported.package] : [])),
  );
}

/** One line per finding: the file and what is wrong with it. */
function found(sources: readonly Source[], look: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) => look(source).map((finding) => `${source.path}: ${finding}`));
}
