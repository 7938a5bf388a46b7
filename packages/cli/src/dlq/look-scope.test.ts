import { expect, test } from 'vitest';
import { lookExitCode } from './look-scope.ts';

test.each([
  ['all were looked at', { looked: 50_000, more: false }, 0],
  ['more lie behind what can be looked at', { looked: 50_000, more: true }, 4],
  ['no more were asked for', { looked: 100, more: true }, 0],
])('where %s a look exits with its code', (_what, looked, code) => {
  expect(lookExitCode(looked)).toBe(code);
});
