import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeadMessage } from './dead-message.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import { FilterError, parseFilter } from './filter.ts';

const now = Date.parse('2026-03-02T12:00:00Z');

function dead(body: unknown, headers: Record<string, unknown> = {}, properties: object = {}): DeadMessage {
  const content = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const shared = {
    consumerTag: '',
    deliveryTag: 1,
    redelivered: false,
    exchange: '',
    routingKey: 'orders.dead-letter',
  };
  return readDeadMessage({ ...shared, content, properties, headers }, 'orders.dead-letter');
}

const order = dead(
  {
    id: 42,
    code: '42',
    total: 9.5,
    paid: true,
    coupon: null,
    note: 'Leave at door',
    customer: { 'e mail': 'ada@example.org' },
    items: [{ sku: 'a-1' }, { sku: 'b-2' }],
  },
  {
    'surehop-reason': 'failed',
    'surehop-attempt': 5,
    'surehop-queue': 'orders',
    'surehop-exchange': 'events',
    'surehop-routing-key': 'order.created',
    'surehop-error-name': 'TimeoutError',
    'surehop-error-message': 'No answer from "payments" in 5 s',
    'surehop-failed-at': '2026-03-02T11:00:00Z',
    'surehop-first-failed-at': '2026-03-01T23:59:59Z',
    'surehop-replayed-count': 2,
    tenant: 'shop-7',
    level: 3,
    bytes: Buffer.from('as bytes'),
    nested: { list: [{ deep: true }] },
    'My.App.Version': '1.10',
    'x header': 'spaced',
  },
  { messageId: 'm-1', contentType: 'application/json', type: 'OrderCreated', appId: 'shop', correlationId: 'c-1' },
);

const matches = (text: string, message: DeadMessage = order): boolean => parseFilter(text, now).matches(message);

describe('a filter matches', () => {
  test.each([
    'id = m-1',
    `id = 'm-1'`,
    'queue = orders and exchange = events and routingKey = order.created',
    'reason = failed',
    'source = surehop',
    'attempts = 5 and attempts >= 5 and attempts <= 5 and attempts > 4 and attempts < 6 and attempts != 4',
    'replayed > 1',
    'size > 100',
    'contentType = application/json and type = OrderCreated and appId = shop and correlationId = c-1',
    'error.name = TimeoutError',
    'error.message ~ "NO ANSWER"',
    `error.message = 'No answer from "payments" in 5 s'`,
    String.raw`error.message = "No answer from \"payments\" in 5 s"`,
    'error.message matches /in \\d+ s$/',
    'error.message matches /^no/i',
    String.raw`contentType matches /application\/[j]son/`,
    'error.message matches "answer.*payments"',
    'not error.code exists',
    'error.code != ETIMEDOUT',
    'error.name in (TypeError, TimeoutError)',
    'failedAt > -2h and failedAt < -30m',
    'failedAt = 2026-03-02 and failedAt >= 2026-03-02T11:00Z and failedAt <= 2026-03-02T11:00',
    'failedAt = "2026-03-02 12:00:00+01:00"',
    'failedAt > 2026-03-01 and firstFailedAt <= 2026-03-01 and firstFailedAt < 2026-03-02',
    'failedAt ~ "2026-03-02T11"',
    'header.tenant = shop-7',
    'header.bytes ~ BYTES',
    'header.level > 2 and header.level = 3',
    'header.nested.list[0].deep = true',
    'header.My.App.Version = 1.10',
    `header."x header" = spaced and header['x header'] exists`,
    'body ~ "leave at"',
    'body.id = 42 and body.id >= 42.0 and body.id < 1e3',
    'body.code = 42 and body.code = "42"',
    'body.paid = true and body.coupon = null and body.coupon exists',
    'body.items[1].sku = b-2 and body.items.0.sku = "a-1"',
    'body.customer."e mail" ~ example',
    'body.items.length = 2',
    'body.note > "Apple" and body.note < Zebra',
    'body.total in (1, 9.5, "x")',
    'body.missing != 1 and not body.missing = 1 and not body.missing > 1',
    'NOT (reason = invalid OR attempts < 3) AND body.x = 1 or reason = failed',
    'reason = invalid and attempts = 1 or attempts = 5',
    '(((reason = failed)))',
    'not not reason = failed',
  ])('%s', (text) => {
    expect(matches(text)).toBe(true);
  });
});

describe('a filter does not match', () => {
  test.each([
    'id = M-1',
    'error.code = ""',
    'error.code > a',
    'attempts > 5',
    'reason = invalid and (attempts = 1 or attempts = 5)',
    'not (reason = failed)',
    'body.id = "42"',
    'body.id ~ 5',
    'body.items = 1',
    'body.items ~ a-1',
    'body.customer matches /./',
    'body.note > 3',
    'body.paid = 1',
    'body.paid > false',
    'body.coupon = ""',
    'body.constructor exists',
    'body.__proto__ exists',
    'body.note.length exists',
    'header.toString exists',
    'header.nested.list[7].deep exists',
    'failedAt > -30m',
    'failedAt != 2026-03-02',
    'error.name in (a, b)',
    'error.name matches /^timeout/',
  ])('%s', (text) => {
    expect(matches(text)).toBe(false);
  });

  test('a number by another that differs in its last digit only, however long it is', () => {
    const long = dead(
      '{"id":9007199254740993,"text":"9007199254740993","part":0.10000000000000000001,"big":1e400,"low":-9007199254740993}',
      {
        count: 9007199254740993n,
      },
    );
    for (const text of [
      'body.id = 9007199254740993',
      'body.id = 9007199254740993.0',
      'body.id = 9.007199254740993e15',
      'body.id > 9007199254740992',
      'body.id < 9007199254740994 and body.id > 1 and body.id > -9007199254740994',
      'body.text = 9007199254740993',
      'header.count = 9007199254740993 and header.count > 5',
      'body.part > 0.1 and body.part < 0.2',
      'body.big = 1e400 and body.big > 1e399 and body.big > 1',
      'body.low < -9007199254740992 and body.low > -9007199254740994 and body.low < 0',
      'body.id ~ 4740993 and body.id matches /993$/ and body.id exists',
      'not body.id.length exists',
    ]) {
      expect([text, matches(text, long)]).toEqual([text, true]);
    }
    for (const text of [
      'body.id = 9007199254740992',
      'body.id = 9007199254740994',
      'body.id = "9007199254740993"',
      'body.text = 9007199254740992',
      'header.count = 9007199254740992',
      'body.part = 0.1',
      'body.big = 2e400',
      'body.low = -9007199254740992',
    ]) {
      expect([text, matches(text, long)]).toEqual([text, false]);
    }
  });

  test('by its body, a message whose body is no JSON; by its text it may', () => {
    const text = dead('not { JSON');
    expect(matches('body.id exists', text)).toBe(false);
    expect(matches('body ~ "{ json"', text)).toBe(true);
    expect(matches('body[0].a = 1', dead([{ a: 1 }]))).toBe(true);
    expect(matches('failedAt < -1d', text)).toBe(false);
    expect(matches('failedAt != 2026-03-02', text)).toBe(true);
  });
});

describe('a filter that cannot be read says where', () => {
  test.each([
    ['', 0, 'empty'],
    ['   ', 0, 'empty'],
    ['reason', 6, 'expected =, !=, <'],
    ['reason =', 8, 'expected a value, not the end'],
    ['reason = and', 9, 'must be quoted'],
    ['reason == failed', 8, 'expected a value'],
    ['reason = failed or', 18, 'expected the name of a field'],
    ['reason = failed attempts = 1', 16, 'expected "and", "or" or the end'],
    ['(reason = failed', 16, 'expected ")"'],
    ['reason = failed)', 15, 'expected "and"'],
    ['eror.name = x', 0, 'no such field; known are appId'],
    ['toString = x', 0, 'no such field'],
    ['header = x', 0, 'no such field'],
    ['header. = x', 0, 'no such field'],
    ['body.a[x] = 1', 0, 'no such field'],
    ['body..a = 1', 0, 'no such field'],
    ['attempts > many', 11, 'expected a number'],
    ['attempts = "5"', 11, 'expected a number'],
    ['attempts in (1, x)', 16, 'expected a number'],
    ['failedAt > yesterday', 11, 'expected a time'],
    ['failedAt > 2026-13-01', 11, 'expected a time'],
    ['failedAt > -2y', 11, 'expected a time'],
    ['reason = "failed', 9, 'this quote has no end'],
    ['body matches /a', 13, 'no end'],
    ['body matches /(/', 13, 'no regular expression'],
    ['body matches /a/g', 13, 'no flags g and y'],
    ['body matches abc', 13, 'expected a regular expression'],
    ['id in ()', 7, 'expected a value'],
    ['id in (a b)', 9, 'expected "," or ")"'],
    ['id in a', 6, 'expected "("'],
    ['! id = a', 0, '"!" means nothing here'],
    ['= 1', 0, 'expected the name of a field'],
  ])('%j at %i: %s', (text, position, why) => {
    const error = refusalOf(text);
    expect(error).toMatchObject({ code: 'SUREHOP_FILTER_INVALID', name: 'FilterError', retryable: false, position });
    expect(error.message).toContain(why);
  });

  test('with a caret under the place', () => {
    expect(refusalOf('reason = failed and eror.name = x').message.split('\n').slice(1)).toEqual([
      '  reason = failed and eror.name = x',
      '                      ^',
    ]);
    expect(refusalOf('reason = failed\nand eror = x').message.split('\n').slice(1)).toEqual([
      '  and eror = x',
      '      ^',
    ]);
    const long = `${'reason = failed and '.repeat(20)}eror = x and ${'reason = failed and '.repeat(20)}`;
    const [shown = '', caret = ''] = refusalOf(long).message.split('\n').slice(1);
    expect(shown.length).toBeLessThan(140);
    expect(shown.slice(caret.indexOf('^'))).toMatch(/^eror = x/);
  });

  test('when it is nested too deeply or too long, instead of running out of stack', () => {
    expect(matches(`${'('.repeat(90)}reason = failed${')'.repeat(90)}`)).toBe(true);
    for (const opening of ['(', 'not ', 'not (']) {
      expect(refusalOf(`${opening.repeat(1_500)}reason = failed`).message).toContain('deeper than 100 levels');
    }
    expect(refusalOf('a'.repeat(10_001)).message).toContain('longer than');
    expect(matches(Array.from({ length: 500 }, () => 'reason = failed').join(' and '))).toBe(true);
  });

  test('or is no text at all', () => {
    expect(() => parseFilter(7 as never, now)).toThrow(expect.objectContaining({ code: 'SUREHOP_OPTION_INVALID' }));
  });
});

test('no text whatsoever makes anything but a filter or a FilterError, and no message makes a filter throw', () => {
  const word = fc.constantFrom(
    ...[
      'id',
      'attempts',
      'failedAt',
      'body.a',
      'header.a',
      'error.name',
      'and',
      'or',
      'not',
      'in',
      'matches',
      'exists',
    ],
    ...['=', '!=', '<', '>=', '~', '(', ')', ',', '/a/', '"a"', "'", '"', '\\', '1', '-2h', '2026-03-01', 'null'],
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
  );
  const header = fc.oneof(fc.string(), fc.double(), fc.uint8Array(), fc.constant(null), fc.array(fc.integer()));
  const message = fc
    .tuple(
      fc.oneof(fc.json({ maxDepth: 2 }), fc.string()),
      fc.dictionary(fc.constantFrom('a', 'surehop-attempt'), header),
    )
    .map(([body, headers]) => dead(body, headers));
  fc.assert(
    fc.property(text, message, (filter, one) => {
      try {
        return typeof matches(filter, one) === 'boolean';
      } catch (thrown) {
        return thrown instanceof FilterError && thrown.position >= 0 && thrown.position <= filter.length;
      }
    }),
    { numRuns: 1_000 },
  );
});

function refusalOf(text: string): FilterError {
  try {
    parseFilter(text, now);
  } catch (thrown) {
    if (thrown instanceof FilterError) return thrown;
    throw thrown;
  }
  throw new Error(`${text} was read`);
}
