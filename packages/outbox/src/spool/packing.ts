import type { MessageRow, Packed } from './protocol.ts';

export function pack(messages: readonly { readonly row: MessageRow; readonly content: Uint8Array }[]): Packed {
  const lengths = messages.map(({ content }) => content.length);
  const contents = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const { content } of messages) {
    contents.set(content, at);
    at += content.length;
  }
  return { rows: messages.map(({ row }) => row), lengths, contents };
}

/** The contents are views into one buffer. */
export function unpack({ rows, lengths, contents }: Packed): { row: MessageRow; content: Uint8Array }[] {
  let at = 0;
  return rows.map((row, index) => {
    const content = contents.subarray(at, at + (lengths[index] ?? 0));
    at += content.length;
    return { row, content };
  });
}
