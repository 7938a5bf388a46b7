import { isDeadLetter } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { verdictOf } from './verdict.ts';

test('0 is done, whatever was written', () => {
  expect(verdictOf({ code: 0, signal: null, stderr: 'a warning' })).toBeUndefined();
});

test('65 is a dead letter, with what was written as its reason', () => {
  const verdict = verdictOf({ code: 65, signal: null, stderr: 'no such customer' });
  expect(isDeadLetter(verdict)).toBe(true);
  expect(verdict?.message).toBe('no such customer');
});

test.each([75, 1, 127])('%i is tried again', (code) => {
  expect(verdictOf({ code, signal: null, stderr: 'busy' })).toMatchObject({ message: 'busy', code: `EXIT_${code}` });
});

test('says how it ended when it wrote nothing, and the last line first when it wrote many', () => {
  expect(verdictOf({ code: 3, signal: null, stderr: '' })?.message).toBe('the handler exited with 3');
  expect(verdictOf({ code: null, signal: 'SIGKILL', stderr: '' })).toMatchObject({
    message: 'the handler was ended by SIGKILL',
    code: 'SIGKILL',
  });
  const stderr = 'Traceback:\n  line 1\nValueError: no';
  expect(verdictOf({ code: 1, signal: null, stderr })?.message).toBe(`ValueError: no\n${stderr}`);
});
