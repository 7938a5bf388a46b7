import { readFileSync } from 'node:fs';
import { attachBroker } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { environmentFor, Program } from './program.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

/** What each program must have said, in this order. */
const sayings = {
  '01-persistence.ts': [
    /Published: the broker has the letter/,
    /The broker is stopped/,
    /The broker runs again/,
    /Received after the restart: "Dear Ada, this can wait\."/,
  ],
  '02-acknowledgement.ts': [
    /Confirm: the broker says that it has stored the letter/,
    /has taken "Dear Ada"\. It dies/,
    /to the next \(redelivered: true\)/,
    /Letters left: 0/,
  ],
  '03-recovery.ts': [
    /Attempt 1, \d+ ms after the start, fails/,
    /Attempt 2, \d+ ms after the start, fails/,
    /Attempt 3, \d+ ms after the start, fails/,
    /In the dead-letter queue: "Dear Ada", after 3 attempts/,
    /because: the printer is out of paper/,
  ],
};

/** Of the ladder in 03-recovery.ts, less what a timer may be early. */
const delaysMs = [190, 990];

describe.each(Object.entries(sayings))('examples/first-steps/%s', (file, lines) => {
  test('has at most 30 lines', () => {
    const text = readFileSync(new URL(`../../examples/first-steps/${file}`, import.meta.url), 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  });

  test('says what it is there to show, and ends', { timeout: 90_000 }, async () => {
    await using program = new Program(`first-steps/${file}`, [], environmentFor(broker));
    expect(await program.end(), program.stderr).toEqual({ code: 0, signal: null });
    let from = 0;
    for (const line of lines) {
      const at = program.stdout.slice(from).search(line);
      expect(at, `${line} in its place in:\n${program.stdout}`).toBeGreaterThanOrEqual(0);
      from += at;
    }
    const attemptsAt = [...program.stdout.matchAll(/Attempt \d, (\d+) ms/g)].map(([, ms]) => Number(ms));
    const waitsMs = attemptsAt.slice(1).map((at, index) => at - (attemptsAt[index] ?? 0));
    expect(waitsMs.filter((waitMs, index) => waitMs < (delaysMs[index] ?? 0))).toEqual([]);
  });
});
