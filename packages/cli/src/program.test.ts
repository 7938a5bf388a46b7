import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { CancelledError, PipeClosedError } from './cancellation.ts';
import { createContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { reportFailure } from './failure.ts';
import { runProgram } from './program.ts';
import { UsageError } from './usage-error.ts';

async function ran(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const terminal = { stdin: Readable.from([]), stdout, stderr, env: {} };
  const code = await runProgram(args, createContext(terminal, new AbortController(), 'ada'));
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

test.each([[['--help']], [['dlq', '--help']], [['--version']]])('%j is answered on standard output', async (args) => {
  const { code, stdout, stderr } = await ran(...args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).not.toBe('');
});

test.each([
  [[], /^Usage: surehop/],
  [['publsh'], /unknown command 'publsh'.*\n.*publish/],
  [['dlq'], /^Usage: surehop dlq/],
  [['dlq', 'show', 'orders'], /missing required argument 'id'/],
  [['publish', 'q', 'too many'], /too many arguments/],
  [['--json', '--ndjson', 'publish', 'q'], /exclude each other/],
  [['--url', 'http://localhost', 'dlq', 'list', 'q'], /url must look like amqp:/],
])('%j is a wrong command line', async (args, message) => {
  const { code, stdout, stderr } = await ran(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(message);
});

test('a password is not repeated, wherever it was put by mistake', async () => {
  const { stderr } = await ran('--ur=amqp://ada:verysecret@host', 'dlq', 'list');
  expect(stderr).toContain('amqp://ada:***@host');
  const misplaced = await ran('publish', 'q', 'amqp://ada:verysecret@host');
  expect(misplaced.stderr + stderr).not.toContain('verysecret');
});

test.each([
  [new CancelledError('stopped', exitCodes.terminated), 143, 'stopped\n'],
  [new PipeClosedError(), 0, ''],
  [undefined, 1, 'error: it broke: since\n'],
])('what is thrown after %s is told as that', async (reason, code, told) => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const controller = new AbortController();
  const context = createContext({ stdin: Readable.from([]), stdout, stderr, env: {} }, controller, 'ada');
  if (reason !== undefined) controller.abort(reason);
  expect(reportFailure(context, new Error('it broke', { cause: new Error('since') }))).toBe(code);
  stderr.end();
  expect(await text(stderr)).toBe(told);
});

test('a wrong command line is one, also after Ctrl-C', () => {
  const terminal = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough(), env: {} };
  const controller = new AbortController();
  const context = createContext(terminal, controller, 'ada');
  controller.abort(new CancelledError('stopped', exitCodes.cancelled));
  expect(reportFailure(context, new UsageError('no'))).toBe(2);
});
