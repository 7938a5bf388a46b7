import { type ChannelListeners, DriverError, type IncomingMessage } from '@surehop/core/internal';

/** What a channel has delivered and nobody has taken yet, and its end. */
export class Arrivals {
  /** For the channel. */
  readonly listeners: ChannelListeners = {
    onDelivery: (message) => this.#add(message),
    onCancel: () => this.#end('the broker cancelled the consumer'),
    onClosed: (cause) => this.#end('the channel was closed', cause),
    onConfirm: () => undefined,
    onReturn: () => undefined,
  };
  readonly #lost = new AbortController();
  #waiting: IncomingMessage[] = [];
  #taken = 0;
  #count = 0;
  #bytes = 0;
  #isLastRedelivered = false;
  #tell: () => void = () => undefined;

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Of the bodies that came, in bytes. */
  get meanBytes(): number {
    return this.#count === 0 ? 0 : this.#bytes / this.#count;
  }

  /** Whether the broker has delivered the last one before. */
  get isLastRedelivered(): boolean {
    return this.#isLastRedelivered;
  }

  /** How many have come and were not taken. */
  get waiting(): number {
    return this.#waiting.length - this.#taken;
  }

  /** Of these, a consumer's. */
  waitingFor(consumerTag: string): number {
    let count = 0;
    for (let index = this.#taken; index < this.#waiting.length; index += 1) {
      if (this.#waiting[index]?.consumerTag === consumerTag) count += 1;
    }
    return count;
  }

  next(): IncomingMessage | undefined {
    if (this.#taken === this.#waiting.length) return undefined;
    const message = this.#waiting[this.#taken];
    this.#taken += 1;
    if (this.#taken === this.#waiting.length) this.rest();
    return message;
  }

  /** All of them. */
  rest(): readonly IncomingMessage[] {
    const rest = this.#waiting.slice(this.#taken);
    this.#waiting = [];
    this.#taken = 0;
    return rest;
  }

  /**
   * Resolves when one has come.
   *
   * @throws {DriverError} the channel was lost, or none came until the signal aborted
   */
  some(giveUp: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        giveUp.removeEventListener('abort', settle);
        this.#lost.signal.removeEventListener('abort', settle);
        if (this.#taken < this.#waiting.length) resolve();
        else if (this.#lost.signal.aborted) reject(this.#lost.signal.reason);
        else reject(new DriverError('channel', 'messages are ready and none is delivered', { isUnanswered: true }));
      };
      this.#tell = settle;
      giveUp.addEventListener('abort', settle);
      this.#lost.signal.addEventListener('abort', settle);
      if (giveUp.aborted || this.#lost.signal.aborted || this.#taken < this.#waiting.length) settle();
    });
  }

  #add(message: IncomingMessage): void {
    this.#waiting.push(message);
    this.#isLastRedelivered = message.redelivered;
    this.#count += 1;
    this.#bytes += message.content.length;
    this.#tell();
  }

  #end(why: string, cause?: DriverError): void {
    this.#lost.abort(cause ?? new DriverError('channel', why));
  }
}
