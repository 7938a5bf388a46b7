import { expect, test } from 'vitest';
import { tableText } from './table.ts';

const rows = [
  ['a', 'one\ntwo\u001b[31m'],
  ['long', 'x'],
];

test('columns are as wide as their widest cell, and foreign text stays on its line', () => {
  expect(tableText(['id', 'error'], rows, undefined)).toBe('id    error\na     one two\\u001b[31m\nlong  x');
});

test('lines are cut at the width of the terminal', () => {
  expect(tableText(['id', 'error'], rows, 10)).toBe('id    err…\na     one…\nlong  x');
});
