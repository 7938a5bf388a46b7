import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root: string = fileURLToPath(new URL('../../', import.meta.url));

interface Import {
  /** As written: `./errors.ts`, `@surehop/core/internal`, `node:net`. */
  readonly specifier: string;
  /** The package a bare specifier belongs to; undefined for relative and built-in ones. */
  readonly package: string | undefined;
}

export interface Source {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly lineCount: number;
  /** Without comments, so that a comment may name what code may not use. */
  readonly code: string;
  readonly imports: readonly Import[];
  readonly isTest: boolean;
}

/** Every TypeScript and JavaScript file below `folder`, but for what is built or installed. */
export function sourcesIn(folder: string): Source[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !/(^|\/)(node_modules|dist)\//.test(path))
    .map(readSource);
}

/** The folders of `packages/` or `examples/` that have a manifest. */
export function membersOf(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder)).filter((name) => existsSync(join(root, folder, name, 'package.json')));
}

export interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

/** Follows relative imports, types included; gives every import that closes a circle, with its circle. */
export function cyclesIn(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const finished = new Set<string>();
  const cycles: string[] = [];

  function visit(path: string, trail: readonly string[]): void {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    if (trail.includes(path) || finished.has(path)) return;
    for (const { specifier } of byPath.get(path)?.imports ?? []) {
      if (specifier.startsWith('.')) visit(targetOf(path, specifier), [...trail, path]);
    }
    finished.add(path);
  }

  for (const { path } of sources) visit(path, []);
  return cycles;
}

/** Where a relative import leads, from the root of the repository. */
export function targetOf(path: string, specifier: string): string {
  return relative(root, resolve(root, dirname(path), specifier)).replaceAll('\\', '/');
}

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8');
  const code = withoutComments(text);
  return {
    path,
    lineCount: text.trimEnd().split('\n').length,
    code,
    imports: importsOf(code),
    isTest: /\.test(-d)?\.ts$/.test(path),
  };
}

/** Strings are matched as well, so that the `//` of a URL is not taken for a comment. */
function withoutComments(text: string): string {
  const stringOrComment = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replaceAll(stringOrComment, (match) => (match.startsWith('/') ? ' ' : match));
}

function importsOf(code: string): Import[] {
  const fromClause = /(?:^|[;\n])\s*(?:import|export)\b(?:[^'"`;=]*?\bfrom)?\s*['"]([^'"\n]+)['"]/g;
  const callOrType = /\b(?:import|require)\(\s*['"]([^'"\n]+)['"]/g;
  return [fromClause, callOrType]
    .flatMap((pattern) => [...code.matchAll(pattern)])
    .map(([, specifier = '']) => ({ specifier, package: packageOf(specifier) }));
}

function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined;
  const [first, second] = specifier.split('/');
  return first?.startsWith('@') ? `${first}/${second}` : first;
}
