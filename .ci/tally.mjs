// Adds up what the steps of .ci/run have found: a table of the steps, vitest's summaries, and one closing line.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const [reports, seconds] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

const steps = readFileSync(join(reports, 'steps.tsv'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t'))
  .map(([name, code, took]) => ({ name, code: Number(code), took }));

console.log('\n=== steps');
for (const { name, code, took } of steps) {
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(10)} ${took.padStart(4)} s`);
}
console.log(`       ${'all'.padEnd(10)} ${seconds.padStart(4)} s`);

for (const file of readdirSync(reports).filter((name) => name.endsWith('.json'))) {
  const found = JSON.parse(readFileSync(join(reports, file), 'utf8'));
  total.passed += found.numPassedTests;
  total.failed += found.numFailedTests;
  total.skipped += found.numPendingTests + found.numTodoTests;
}

// A step that failed counts as one, unless its own failed tests have been counted already; one that passed, if it has none.
const testSteps = new Set(['tests', 'matrix']);
const logOf = ({ name }) => stripVTControlCharacters(readFileSync(join(reports, `${name}.log`), 'utf8')).split('\n');
for (const { name, code } of steps) {
  if (code === 0 && !testSteps.has(name)) total.passed += 1;
  if (code !== 0 && !(testSteps.has(name) && total.failed > 0)) total.failed += 1;
}

console.log('\n=== vitest');
for (const step of steps.filter(({ name }) => testSteps.has(name))) {
  for (const line of logOf(step)) {
    if (/^matrix: \S+$/.test(line)) console.log(line);
    if (/^ *(Test Files|Tests|Errors|Duration) {2}/.test(line)) console.log(line);
  }
}

// Said once more at the end, where it is seen: which case failed, and the lines that follow it.
const tellsOfFailure = /\bFAIL(ED)?\b|\bERROR\b|Error:|violat/;
for (const step of steps.filter(({ code }) => code !== 0)) {
  const lines = logOf(step);
  const told = lines.filter((_, index) =>
    lines.slice(Math.max(0, index - 4), index + 1).some((line) => tellsOfFailure.test(line)),
  );
  console.log(`\n=== failed: ${step.name}`);
  console.log(
    (told.length > 0 ? told : lines.slice(-20))
      .slice(0, 60)
      .map((line) => line.slice(0, 400))
      .join('\n'),
  );
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
