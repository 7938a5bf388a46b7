import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Line, linesOf } from './lines.ts';

async function collected(chunks: readonly string[], limit = 1_000): Promise<Line[]> {
  async function* source(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const lines: Line[] = [];
  for await (const line of linesOf(source(), limit)) lines.push(line);
  return lines;
}

test('a line that is too long is passed over, and those after it are not', async () => {
  const lines = await collected(['ab\nlong', 'er\ncd'], 4);
  expect(lines.map(({ number, bytes }) => [number, bytes?.toString()])).toEqual([
    [1, 'ab'],
    [2, undefined],
    [3, 'cd'],
  ]);
});

test('[property] lines are what splitting the whole text gives, however it was cut', async () => {
  const chunk = fc.string({ unit: fc.constantFrom('a', 'é', '\n'), maxLength: 6 });
  const same = fc.asyncProperty(fc.array(chunk), async (chunks) => {
    const expected = chunks.join('').split('\n');
    if (expected.at(-1) === '') expected.pop();
    const lines = await collected(chunks);
    expect(lines.map(({ bytes }) => bytes?.toString())).toEqual(expected);
    expect(lines.map(({ number }) => number)).toEqual(expected.map((_, index) => index + 1));
  });
  await fc.assert(same);
});
