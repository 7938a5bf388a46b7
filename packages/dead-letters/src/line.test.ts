import type { HeaderTable } from '@surehop/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeadMessage } from './dead-message.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import { lineOf, type ReadLine, readLine } from './line.ts';

const key = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom('__proto__', '$bytes', '$$', '$', 'x-death', 'constructor'),
);
const isKey = (name: string): boolean => name !== '!';
const single = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.integer({ min: -(2 ** 49), max: 2 ** 49 }).map((number) => number + 0),
  fc
    .double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 })
    .filter((number) => !Number.isInteger(number)),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.nat().map((value) => ({ '!': 'timestamp', value })),
  fc.record({ places: fc.nat(9), digits: fc.nat(1e9) }).map((value) => ({ '!': 'decimal', value })),
);
const { table } = fc.letrec<{ value: unknown; table: HeaderTable }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, single, fc.array(tie('value'), { maxLength: 4 }), tie('table')),
  table: fc.dictionary(key.filter(isKey), tie('value'), { maxKeys: 5, noNullPrototype: true }),
}));

function dead(content: Uint8Array, headers: HeaderTable, properties: DeadMessage['properties'] = {}): DeadMessage {
  const way = { consumerTag: '', deliveryTag: 1, redelivered: false, exchange: '', routingKey: 'q' };
  return readDeadMessage({ ...way, content, properties, headers }, 'q');
}

describe('a line', () => {
  test('has any body, any headers and all properties, exactly', () => {
    const properties = fc.record(
      {
        messageId: fc.string({ maxLength: 60 }),
        type: fc.string({ maxLength: 60 }),
        priority: fc.nat(255),
        timestamp: fc.nat(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), table, properties, (content, headers, given) => {
        const line = lineOf(dead(content, headers, given));
        expect(line).not.toContain('\n');
        const read = readLine(line) as ReadLine;
        expect(read).not.toHaveProperty('why');
        expect(Buffer.from(read.content).equals(content)).toBe(true);
        expect(entriesOf(read.headers)).toEqual(entriesOf(headers));
        expect(read.properties).toEqual(given);
      }),
      { numRuns: 300 },
    );
  });

  test('shows text where the body is text, and no more of it than people read', () => {
    expect(JSON.parse(lineOf(dead(Buffer.from('schön'), {})))).toMatchObject({ text: 'schön' });
    expect(JSON.parse(lineOf(dead(Buffer.from([0xff]), {})))).not.toHaveProperty('text');
    expect(JSON.parse(lineOf(dead(Buffer.alloc(65_537, 'a'), {})))).not.toHaveProperty('text');
  });
});

test.each([
  ['no JSON', '{'],
  ['an array', '[]'],
  ['another version', '{"v":2,"queue":"q","body":""}'],
  ['no queue', '{"v":1,"body":""}'],
  ['no body', '{"v":1,"queue":"q"}'],
  ['a body that is not base64', '{"v":1,"queue":"q","body":"a!"}'],
  ['base64 that says more than its bytes', '{"v":1,"queue":"q","body":"YR=="}'],
  ['an unknown property', '{"v":1,"queue":"q","body":"","properties":{"what":1}}'],
  ['a property of the wrong kind', '{"v":1,"queue":"q","body":"","properties":{"messageId":1}}'],
  ['a text that is too long', `{"v":1,"queue":"q","body":"","properties":{"type":"${'a'.repeat(256)}"}}`],
  ['an unknown value in the headers', '{"v":1,"queue":"q","body":"","headers":{"a":{"$what":1}}}'],
  ['a header that no message can have', '{"v":1,"queue":"q","body":"","headers":{"a":{"$number":"NaN"}}}'],
])('%s is told', (_name, line) => {
  expect(readLine(line)).toEqual({ why: expect.any(String) });
});

/** With what `toEqual` looks past: a key `__proto__`. */
function entriesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(entriesOf);
  if (typeof value !== 'object' || value === null) return value;
  if (Buffer.isBuffer(value)) return `bytes ${value.toString('hex')}`;
  return Object.entries(value).map(([name, inside]) => [name, entriesOf(inside)]);
}
