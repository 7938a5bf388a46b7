import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Tail } from './tail.ts';

test('keeps the last bytes, cut at whole characters', () => {
  const tail = new Tail(5);
  tail.push(Buffer.from('abc'));
  tail.push(Buffer.from('déf')); // é takes two bytes, of which the second would be the first that is kept
  expect(tail.text()).toBe('cdéf'.slice(-4));
  tail.push(Buffer.from('ééé'));
  expect(tail.text()).toBe('éé');
});

test('takes out colours and control characters', () => {
  const tail = new Tail(100);
  tail.push(Buffer.from('\u001b[31mred\u001b[0m\0 one\r\n\ttwo\n'));
  expect(tail.text()).toBe('red one\n\ttwo');
});

test('[property] it is the end of what came, however that was cut', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c') });
  const same = fc.property(fc.array(text), fc.integer({ min: 1, max: 20 }), (chunks, limit) => {
    const tail = new Tail(limit);
    for (const chunk of chunks) tail.push(Buffer.from(chunk));
    expect(tail.text()).toBe(chunks.join('').slice(-limit));
  });
  fc.assert(same);
});
