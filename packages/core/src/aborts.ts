/** Items that are given up when their signal aborts. One listener per signal, however many items share it. */
export class Aborts<T extends { readonly signal: AbortSignal | undefined }> {
  readonly #onAborted: (item: T) => void;
  readonly #bySignal = new Map<AbortSignal, { readonly items: Set<T>; readonly listener: () => void }>();

  /** @param onAborted must not throw; it may delete items */
  constructor(onAborted: (item: T) => void) {
    this.#onAborted = onAborted;
  }

  /** The signal must not be aborted yet. */
  add(item: T): void {
    const { signal } = item;
    if (signal === undefined) return;
    const known = this.#bySignal.get(signal);
    if (known !== undefined) {
      known.items.add(item);
      return;
    }
    const items = new Set([item]);
    const listener = (): void => {
      this.#bySignal.delete(signal);
      for (const aborted of items) this.#onAborted(aborted);
    };
    this.#bySignal.set(signal, { items, listener });
    signal.addEventListener('abort', listener, { once: true });
  }

  delete(item: T): void {
    const { signal } = item;
    const known = signal === undefined ? undefined : this.#bySignal.get(signal);
    if (signal === undefined || known === undefined) return;
    known.items.delete(item);
    if (known.items.size > 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener('abort', known.listener);
  }
}
