import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemEffects } from '../effects.ts';
import { FrameWriter } from './frame-writer.ts';

describe('the frame writer', () => {
  test('lets what one turn gathers leave in one write, after its microtasks', async () => {
    const socket = new Sink();
    const writer = writerTo(socket);
    encode(writer, 'one');
    await Promise.resolve();
    writer.append(Buffer.from('two'));
    expect(socket.writes).toEqual([]);
    await setImmediate();
    expect(socket.writes).toEqual(['onetwo']);
  });

  test('lets what comes later in the turn leave together at its end', async () => {
    const socket = new Sink();
    const writer = writerTo(socket);
    encode(writer, 'first');
    for (const later of ['a', 'b', 'c']) {
      process.nextTick(() => {
        encode(writer, later);
        if (later === 'a') expect(socket.writes).toEqual(['first']);
      });
    }
    await setImmediate();
    expect(socket.writes).toEqual(['first', 'abc']);
  });

  test('keeps everything in its order, small or large, copied or not', async () => {
    const socket = new Sink();
    const writer = writerTo(socket);
    let expected = '';
    for (let index = 0; index < 300; index += 1) {
      const text = String(index).padStart(1 + ((index * 7_919) % 20_000), '.');
      expected += text;
      if (index % 2 === 0) writer.append(Buffer.from(text));
      else encode(writer, text);
      if (index % 50 === 0) await setImmediate();
    }
    await setImmediate();
    await socket.drained();
    expect(socket.writes.join('') === expected).toBe(true);
  });

  test('copies small frames: their bytes may be used again', async () => {
    const socket = new Sink();
    const writer = writerTo(socket);
    const bytes = Buffer.from('once');
    writer.append(bytes);
    bytes.fill('x');
    await setImmediate();
    expect(socket.writes).toEqual(['once']);
  });

  test('keeps frames while the socket takes no more, and touches none of those it holds', async () => {
    const socket = new Sink({ isSlow: true });
    const writer = writerTo(socket);
    encode(writer, 'x'.repeat(200));
    await setImmediate();
    encode(writer, 'second');
    await setImmediate();
    encode(writer, 'third');
    await setImmediate();
    expect(socket.writableLength).toBe(200);
    await socket.drained();
    await socket.drained();
    expect(socket.writes).toEqual(['x'.repeat(200), 'secondthird']);
  });

  test('flushes at once when asked to, even to a socket that takes no more', async () => {
    const socket = new Sink({ isSlow: true });
    const writer = writerTo(socket);
    encode(writer, 'x'.repeat(200));
    await setImmediate();
    encode(writer, 'last');
    writer.flush();
    expect(socket.writableLength).toBe(204);
    await socket.drained();
    await socket.drained();
    expect(socket.writes).toEqual(['x'.repeat(200), 'last']);
  });

  test('fills its buffer again once the socket has taken everything', async () => {
    const socket = new Sink();
    const writer = writerTo(socket);
    encode(writer, 'one');
    await setImmediate();
    expect(writer.position).toBe(0);
    encode(writer, 'two');
    expect(socket.writes).toEqual(['one']);
  });

  test('drops what can leave no more', async () => {
    const socket = new Sink();
    const writer = writerTo(socket);
    encode(writer, 'too late');
    socket.end();
    socket.on('error', (error) => expect.fail(error.message));
    await setImmediate();
    expect(socket.writes).toEqual([]);
  });

  test('says when bytes leave', async () => {
    let told = 0;
    const writer = new FrameWriter(new Sink(), systemEffects.clock, () => {
      told += 1;
    });
    await setImmediate();
    expect(told).toBe(0);
    encode(writer, 'a');
    encode(writer, 'b');
    await setImmediate();
    expect(told).toBe(1);
  });
});

/** Remembers what was written, as text; a slow one takes one write, and the next when `drained` is called. */
class Sink extends Writable {
  readonly writes: string[] = [];
  readonly #isSlow: boolean;
  #taken: (() => void) | undefined;

  constructor({ isSlow = false } = {}) {
    super({ highWaterMark: 100 });
    this.#isSlow = isSlow;
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.#take(chunk, callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: () => void): void {
    this.#take(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
  }

  async drained(): Promise<void> {
    this.#taken?.();
    await setImmediate();
    await setImmediate();
  }

  #take(bytes: Buffer, callback: () => void): void {
    if (!this.#isSlow) {
      this.writes.push(bytes.toString());
      callback();
      return;
    }
    this.#taken = () => {
      this.#taken = undefined;
      this.writes.push(bytes.toString());
      callback();
    };
  }
}

function writerTo(socket: Writable): FrameWriter {
  return new FrameWriter(socket, systemEffects.clock, () => undefined);
}

function encode(writer: FrameWriter, text: string): void {
  writer.reserve(text.length);
  writer.buffer.write(text, writer.position);
  writer.commit(writer.position + text.length);
}
