import { describe, expect, test } from 'vitest';
import type { Cancel, Clock } from './effects.ts';
import { parseHosts } from './hosts.ts';
import type { Logger } from './logger.ts';
import { type Credentials, Login } from './login.ts';

/** A clock that a test moves by hand. */
class HandClock implements Clock {
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  #now = 1_000;

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    throw new Error('credentials must not depend on it');
  }

  setTimeout(callback: () => void, delayMs: number): Cancel {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  defer(): void {
    throw new Error('not used here');
  }

  deadline(delayMs: number): AbortSignal {
    const controller = new AbortController();
    this.setTimeout(() => controller.abort(new Error('too late')), delayMs);
    return controller.signal;
  }

  /** Runs what comes due, in order, each with what follows from it. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((one, other) => one.at - other.at);
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await new Promise(setImmediate);
    }
    this.#now = until;
  }
}

const [host] = parseHosts('amqp://localhost') as [ReturnType<typeof parseHosts>[number]];

/** A login whose provider answers as it is told to, and what came of it. */
function loginWith(answer: (call: number) => unknown) {
  const clock = new HandClock();
  const warnings: unknown[] = [];
  const renewed: string[] = [];
  let calls = 0;
  const source = async (): Promise<Credentials> => {
    calls += 1;
    return (await answer(calls)) as Credentials;
  };
  const ignore = (): void => undefined;
  const warn: Logger['warn'] = (fields) => void warnings.push(fields);
  const log = { trace: ignore, debug: ignore, info: ignore, warn, error: ignore };
  const effects = { clock, random: () => 0, newId: () => '' };
  const login = new Login(source, {
    effects,
    log,
    timeoutMs: 5_000,
    onRenewed: (password) => void renewed.push(password),
  });
  const current = (signal = new AbortController().signal) => login.current(host, signal);
  return { login, clock, warnings, renewed, current, calls: () => calls };
}

const token = (password: string, expiresInMs?: unknown) => ({ username: 'service', password, expiresInMs });

describe('the life that credentials() says its credentials have', () => {
  test.each([
    [-1, 'got -1: these credentials have expired'],
    [0, 'got 0: these credentials have expired'],
    [Number.NaN, 'got NaN'],
    [Number.POSITIVE_INFINITY, 'got Infinity'],
    ['3600000', 'got string'],
    [null, 'got null'],
  ])('is refused when it is %s', async (expiresInMs, got) => {
    const { login, clock, current, calls } = loginWith(() => token('one', expiresInMs));
    await expect(current()).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
      retryable: false,
      message: `expiresInMs of credentials() must be a finite number above 0, ${got}`,
    });
    await clock.pass(60_000);
    expect(calls()).toBe(1);
    login.close();
  });

  test('may have run out when they are renewed: that is told, and they are asked for again, not at once', async () => {
    const { login, clock, current, warnings, renewed, calls } = loginWith((call) =>
      token(`token ${call}`, call > 1 && call < 5 ? -1 : 60_000),
    );
    await current();
    await clock.pass(45_000);
    expect(calls()).toBe(2);
    expect(warnings).toEqual([
      { code: 'SUREHOP_OPTION_INVALID', error: expect.stringContaining('these credentials have expired') },
    ]);
    await clock.pass(999);
    expect(calls()).toBe(2);
    await clock.pass(30_000);
    expect(renewed).toEqual(['token 5']);
    login.close();
  });

  test('is never so short that they are renewed sooner than a second after the last call', async () => {
    const { login, clock, current, calls } = loginWith((call) => token(`token ${call}`, 0.5));
    await current();
    await clock.pass(999);
    expect(calls()).toBe(1);
    await clock.pass(9_001);
    expect(calls()).toBe(11);
    login.close();
  });
});

/** An answer that comes when the test says so. */
function answerLater() {
  let answer: (given: unknown) => void = () => undefined;
  const promise = new Promise((resolve) => {
    answer = resolve;
  });
  return { promise, answer };
}

describe('a call of credentials() that does not answer', () => {
  const never = new Promise(() => undefined);

  test('ends with the connect that waits for it; the next connect asks anew', async () => {
    const { login, clock, current, calls } = loginWith((call) => (call === 1 ? never : token('two')));
    const first = expect(current(clock.deadline(5_000))).rejects.toThrow('too late');
    await clock.pass(4_000);
    const other = expect(current(clock.deadline(5_000))).rejects.toThrow('too late');
    await clock.pass(1_000);
    await first;
    expect(calls()).toBe(1);
    expect(await current()).toMatchObject({ password: 'two' });
    await clock.pass(4_000);
    await other;
    expect(calls()).toBe(2);
    login.close();
  });

  test('ends a renewal too, which is tried again', async () => {
    const { login, clock, current, warnings, renewed, calls } = loginWith((call) =>
      call === 2 ? never : token(`token ${call}`, 60_000),
    );
    await current();
    await clock.pass(45_000 + 4_999);
    expect(warnings).toEqual([]);
    await clock.pass(1_001);
    expect(warnings).toEqual([{ error: 'too late' }]);
    expect(renewed).toEqual(['token 3']);
    expect(calls()).toBe(3);
    login.close();
  });

  test('counts where it does answer after all, unless a later call has answered', async () => {
    const late = answerLater();
    const overtaken = answerLater();
    const answers = [late.promise, overtaken.promise, token('three', 60_000)];
    const { login, clock, current, calls } = loginWith((call) => answers[call - 1]);
    const giveUp = async (): Promise<void> => {
      const asked = expect(current(clock.deadline(5_000))).rejects.toThrow('too late');
      await clock.pass(5_000);
      await asked;
    };
    await giveUp();
    late.answer(token('one', 8_000));
    await new Promise(setImmediate);
    expect(await current()).toMatchObject({ password: 'one' });
    expect(calls()).toBe(1);
    await clock.pass(6_000);
    await giveUp();
    expect(await current()).toMatchObject({ password: 'three' });
    overtaken.answer(token('two', 60_000));
    await new Promise(setImmediate);
    expect(await current()).toMatchObject({ password: 'three' });
    expect(calls()).toBe(3);
    login.close();
  });
});

describe('credentials that the broker refuses before their time', () => {
  test('are asked for anew by the next connect, and renewed as if nothing had been', async () => {
    const { login, clock, current, renewed, calls } = loginWith((call) => token(`token ${call}`, 60_000));
    await current();
    await current();
    expect(calls()).toBe(1);
    login.refused();
    expect(await current()).toMatchObject({ password: 'token 2' });
    expect(await current()).toMatchObject({ password: 'token 2' });
    await clock.pass(45_000);
    expect(renewed).toEqual(['token 3']);
    login.close();
  });

  test('do not come back with the answer to a call that began before', async () => {
    const early = answerLater();
    const { login, current, calls } = loginWith((call) => (call === 1 ? early.promise : token('changed', 60_000)));
    const waiting = current();
    login.refused();
    early.answer(token('one', 60_000));
    expect(await waiting).toMatchObject({ password: 'one' });
    expect(await current()).toMatchObject({ password: 'changed' });
    expect(await current()).toMatchObject({ password: 'changed' });
    expect(calls()).toBe(2);
    login.close();
  });
});
