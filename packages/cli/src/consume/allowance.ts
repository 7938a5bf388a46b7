/** How many messages may be taken, and how long none may come. Settled once one of the two is over. */
export class Allowance {
  /** Resolves when it is used up, with what ended it. */
  readonly over: Promise<'limit' | 'idle'>;
  readonly #limit: number;
  readonly #idleMs: number | undefined;
  readonly #onTaken: () => void;
  #end!: (by: 'limit' | 'idle') => void;
  #begun = 0;
  #finished = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onTaken called when the last one that may be taken begins, in that call */
  constructor(limit: number | undefined, idleMs: number | undefined, onTaken: () => void) {
    this.#onTaken = onTaken;
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.#idleMs = idleMs;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Begins to wait for messages. */
  start(): void {
    this.#rest();
  }

  /** False when this message is one too many: it is to be given back. */
  begin(): boolean {
    if (this.#begun >= this.#limit) return false;
    this.#begun += 1;
    clearTimeout(this.#timer);
    if (this.#begun === this.#limit) this.#onTaken();
    return true;
  }

  /** One that was begun has been handled, well or not. */
  finish(): void {
    this.#finished += 1;
    if (this.#finished >= this.#limit) this.#end('limit');
    else if (this.#finished === this.#begun) this.#rest();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #rest(): void {
    if (this.#idleMs === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end('idle'), this.#idleMs);
  }
}
