import { content, method, methodId, shortString } from './frames.ts';

const deliver = methodId(60, 60);
/** Where nobody has said how many may be on their way. */
const noPrefetch = 1_000;
const tagLength = 8;

/** An endless backlog for one consumer: as many messages on their way as its prefetch allows. */
export class Delivering {
  readonly #template: Buffer;
  readonly #tagAt: number;
  readonly #prefetch: number;
  #lastTag = 0;
  /** Every tag up to here is acknowledged, and these above it. */
  #acknowledgedUpTo = 0;
  readonly #acknowledgedAbove = new Set<number>();

  constructor(channel: number, consumerTag: string, queue: string, prefetch: number, bodyBytes: number) {
    const tag = shortString(consumerTag);
    this.#template = Buffer.concat([
      method(
        channel,
        deliver,
        tag,
        Buffer.alloc(tagLength),
        Buffer.from([0]), // not redelivered
        shortString(''),
        shortString(queue),
      ),
      content(channel, Buffer.alloc(bodyBytes, 'surehop ')),
    ]);
    this.#tagAt = 7 + 4 + tag.length;
    this.#prefetch = prefetch === 0 ? noPrefetch : prefetch;
  }

  acknowledge(tag: number, multiple: boolean): void {
    if (multiple) {
      for (const one of this.#acknowledgedAbove) if (one <= tag) this.#acknowledgedAbove.delete(one);
      this.#acknowledgedUpTo = Math.max(this.#acknowledgedUpTo, tag);
    } else {
      this.#acknowledgedAbove.add(tag);
    }
    while (this.#acknowledgedAbove.delete(this.#acknowledgedUpTo + 1)) this.#acknowledgedUpTo += 1;
  }

  /** Frames of what may be sent now. */
  next(): Buffer | undefined {
    const onTheirWay = this.#lastTag - this.#acknowledgedUpTo - this.#acknowledgedAbove.size;
    const count = this.#prefetch - onTheirWay;
    if (count <= 0) return undefined;
    const { length } = this.#template;
    const batch = Buffer.allocUnsafe(count * length);
    for (let index = 0; index < count; index += 1) {
      this.#template.copy(batch, index * length);
      this.#lastTag += 1;
      batch.writeUInt32BE(this.#lastTag, index * length + this.#tagAt + 4); // the upper half stays 0
    }
    return batch;
  }
}
