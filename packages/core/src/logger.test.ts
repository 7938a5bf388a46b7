import { pino } from 'pino';
import { expect, expectTypeOf, test } from 'vitest';
import { SurehopError } from './errors.ts';
import { errorFields, guardedLogger, type Logger } from './logger.ts';

test('a logger that throws breaks nothing', () => {
  const fails = (): never => {
    throw new Error('disk full');
  };
  const log = guardedLogger({ trace: fails, debug: fails, info: fails, warn: fails, error: fails });
  expect(() => log.error({ queue: 'orders' }, 'dead-lettered')).not.toThrow();
});

test('nor does one whose promise rejects', async () => {
  const fails = () => Promise.reject(new Error('disk full')) as never;
  const log = guardedLogger({ trace: fails, debug: fails, info: fails, warn: fails, error: fails });
  log.error({ queue: 'orders' }, 'dead-lettered');
  await new Promise(setImmediate); // an unhandled rejection would fail the run
});

test('fixed fields come with every line', () => {
  const lines: object[] = [];
  const keep = (fields: object): void => void lines.push(fields);
  const log = guardedLogger({ trace: keep, debug: keep, info: keep, warn: keep, error: keep }, { queue: 'orders' });
  log.warn({ attempt: 2 }, 'retried');
  expect(lines).toEqual([{ queue: 'orders', attempt: 2 }]);
});

test('an error is told with its causes and its code', () => {
  const cause = new Error('connect ECONNREFUSED', { cause: new Error('syscall') });
  const error = new SurehopError('SUREHOP_CONNECT_UNREACHABLE', 'no broker', { retryable: true, cause });
  expect(errorFields(error)).toEqual({
    error: 'no broker: connect ECONNREFUSED: syscall',
    code: 'SUREHOP_CONNECT_UNREACHABLE',
  });
  expect(errorFields('boom')).toEqual({ error: 'boom' });
});

test('what a parser quotes of a body is payload, and stays out', () => {
  const cause = new SyntaxError('Unexpected token, "card=41111" is not valid JSON');
  const error = new SurehopError('SUREHOP_BODY_INVALID', 'the body is no JSON', { retryable: false, cause });
  expect(errorFields(error)).toEqual({ error: 'the body is no JSON', code: 'SUREHOP_BODY_INVALID' });
});

test('pino and console are loggers', () => {
  expectTypeOf(pino()).toExtend<Logger>();
  expectTypeOf(console).toExtend<Logger>();
});
