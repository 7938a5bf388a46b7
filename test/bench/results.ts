import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fromLine, toLine } from './json-lines.ts';
import { libraries } from './libraries.ts';
import { pagesOf } from './page.ts';
import type { Summary } from './summary.ts';
import { workloads } from './workloads.ts';

const file = new URL('results.jsonl', import.meta.url);
const notes = new URL('notes.md', import.meta.url);
const docs = new URL('../../docs/', import.meta.url);

/** What was measured last, of each library in each cell on each release. */
export function readResults(): Summary[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(fromLine);
}

/** What is written by hand, at the end of the page. */
export function readNotes(): string {
  return readFileSync(notes, 'utf8');
}

/** Puts new results in the place of old ones of the same kind, and writes the page and its plots. */
export function keepResults(fresh: readonly Summary[]): void {
  const kept = new Map([...readResults(), ...fresh].map((summary) => [keyOf(summary), summary]));
  const sorted = [...kept.entries()].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, summary]) => summary);
  writeFileSync(file, sorted.map((summary) => `${toLine(summary)}\n`).join(''));
  rmSync(new URL('performance/', docs), { recursive: true, force: true });
  mkdirSync(new URL('performance/', docs));
  for (const [name, text] of Object.entries(pagesOf(readResults(), readNotes()))) {
    writeFileSync(new URL(name, docs), text);
  }
}

/** Sorts as the page does: by workload, newest release first, quorum before classic, small before large, by library. */
function keyOf({ workload, release, queueType, bodyBytes, library }: Summary): string {
  const place = (index: number): string => String(index).padStart(4, '0');
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return [
    place(workloads.findIndex(({ name }) => name === workload)),
    place(9_999 - major * 100 - minor),
    queueType === 'classic' ? 'b' : 'a',
    String(bodyBytes).padStart(8, '0'),
    place(libraries.findIndex(({ name }) => name === library)),
  ].join(' ');
}
