import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { CancelledError } from './cancellation.ts';
import { watchSignals } from './signals.ts';

test('the first signal aborts, the second ends at once', () => {
  const source = new EventEmitter();
  const controller = new AbortController();
  const told: unknown[] = [];
  watchSignals(source, controller, { say: (line) => told.push(line), exit: (code) => told.push(code) });
  source.emit('SIGTERM');
  expect(controller.signal.reason).toBeInstanceOf(CancelledError);
  expect(controller.signal.reason).toMatchObject({ exitCode: 143 });
  source.emit('SIGINT');
  expect(told).toEqual(['stopping; once more ends at once', 130]);
});
