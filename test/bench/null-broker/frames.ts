/** The little of AMQP 0-9-1 that a server needs which only confirms and delivers. */

const frameEnd = 0xce;

/** Class and method ids as one number: `60 << 16 | 40` is basic.publish. */
export function methodId(classId: number, number: number): number {
  return classId * 65_536 + number;
}

export function method(channel: number, id: number, ...fields: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(id);
  return frame(1, channel, Buffer.concat([head, ...fields]));
}

/** Content header without properties but `delivery_mode` 2, and a body that fits one frame. */
export function content(channel: number, body: Buffer): Buffer {
  const header = Buffer.alloc(15);
  header.writeUInt16BE(60, 0);
  header.writeBigUInt64BE(BigInt(body.length), 4);
  header.writeUInt16BE(0x1000, 12);
  header.writeUInt8(2, 14);
  return Buffer.concat([frame(2, channel, header), frame(3, channel, body)]);
}

export function shortString(text: string): Buffer {
  return Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);
}

export function longString(bytes: Buffer | string): Buffer {
  const content = Buffer.from(bytes as string);
  return Buffer.concat([unsigned32(content.length), content]);
}

/** A field table of strings, and of the flags under `capabilities`. */
export function table(fields: Readonly<Record<string, string | readonly string[]>>): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) => [
    shortString(name),
    ...(typeof value === 'string' ? [Buffer.from('S'), longString(value)] : [Buffer.from('F'), flags(value)]),
  ]);
  return longString(Buffer.concat(parts));
}

export function unsigned32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function unsigned16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** The text of a short string, and where the next field begins. */
export function readShortString(bytes: Buffer, at: number): { readonly text: string; readonly end: number } {
  const end = at + 1 + (bytes[at] ?? 0);
  return { text: bytes.toString('utf8', at + 1, end), end };
}

function flags(names: readonly string[]): Buffer {
  return longString(Buffer.concat(names.flatMap((name) => [shortString(name), Buffer.from('t\x01', 'latin1')])));
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([frameEnd])]);
}
