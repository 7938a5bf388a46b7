type Listener = () => void;

/** Why the platform says that something was aborted, where nobody said why. */
const aborted = new DOMException('This operation was aborted', 'AbortError');

/** What a library uses of an `AbortSignal`, in the platform's order: dependent signals are told last. */
class LightAbortSignal {
  aborted = false;
  reason: unknown;
  /** Most signals have one listener, or none. */
  #first: Listener | undefined;
  #others: Set<Listener> | undefined;
  #dependents: LightAbortSignal[] | undefined;

  static abort(reason: unknown = aborted): LightAbortSignal {
    const signal = new LightAbortSignal();
    signal.abort(reason);
    return signal;
  }

  static any(sources: readonly LightAbortSignal[]): LightAbortSignal {
    const over = sources.find((source) => source.aborted);
    if (over !== undefined) return LightAbortSignal.abort(over.reason);
    const signal = new LightAbortSignal();
    for (const source of sources) {
      source.#dependents ??= [];
      source.#dependents.push(signal);
    }
    return signal;
  }

  addEventListener(_type: 'abort', listener: Listener): void {
    if (this.#first === listener) return;
    if (this.#first === undefined && this.#others === undefined) {
      this.#first = listener;
      return;
    }
    this.#others ??= new Set();
    this.#others.add(listener);
  }

  removeEventListener(_type: 'abort', listener: Listener): void {
    if (this.#first === listener) this.#first = undefined;
    else this.#others?.delete(listener);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  abort(reason: unknown): void {
    if (this.#dependents === undefined) {
      this.aborted = true;
      this.reason = reason;
      this.#tell();
      return;
    }
    const told = [this, ...this.#open()];
    for (const signal of told) {
      signal.aborted = true;
      signal.reason = reason;
    }
    for (const signal of told) signal.#tell();
  }

  #open(): LightAbortSignal[] {
    const dependents = this.#dependents?.filter((one) => !one.aborted) ?? [];
    this.#dependents = undefined;
    return dependents.flatMap((one) => [one, ...one.#open()]);
  }

  #tell(): void {
    const first = this.#first;
    this.#first = undefined;
    first?.();
    if (this.#others === undefined) return;
    for (const listener of this.#others) listener();
    this.#others = undefined;
  }
}

class LightAbortController {
  readonly signal = new LightAbortSignal();

  abort(reason: unknown = aborted): void {
    if (!this.signal.aborted) this.signal.abort(reason);
  }
}

/**
 * Replaces the platform's `AbortController` in this thread, for good. Every RPC and every deadline has a signal, and the
 * platform's are made of an event, a map and weak references each: about a tenth of a run.
 */
export function lightenSignals(): void {
  Object.assign(globalThis, { AbortController: LightAbortController, AbortSignal: LightAbortSignal });
}
