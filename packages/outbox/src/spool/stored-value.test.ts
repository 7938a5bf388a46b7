import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromText, toText } from './stored-value.ts';

const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
const key = fc.oneof(fc.string(), fc.constantFrom('$bytes', '$number', '$', '$$x', '__proto__'));
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true }),
    bytes,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value;

test('what AMQP headers can carry comes back as it was', () => {
  fc.assert(
    fc.property(value, (given) => {
      expect(fromText(toText(given))).toStrictEqual(given);
    }),
  );
});
