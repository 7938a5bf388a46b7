import { type AsyncHook, createHook } from 'node:async_hooks';
import { Socket } from 'node:net';

/** What was made and done meanwhile. */
export interface Counts {
  readonly promises: number;
  readonly timers: number;
  /** Of sockets. */
  readonly writes: number;
}

/** Counts between two moments, from outside: what is counted knows nothing of it. */
export class Counter {
  readonly #made = new Map<string, number>();
  readonly #hook: AsyncHook;
  #writes = 0;

  constructor() {
    this.#hook = createHook({ init: (_id, type) => void this.#made.set(type, (this.#made.get(type) ?? 0) + 1) });
    const counted = Socket.prototype as unknown as Record<'_write' | '_writev', (...args: unknown[]) => void>;
    for (const name of ['_write', '_writev'] as const) {
      const original = counted[name];
      const note = (): void => {
        this.#writes += 1;
      };
      counted[name] = function (...args) {
        note();
        original.apply(this, args);
      };
    }
  }

  async during(work: () => Promise<void>): Promise<Counts> {
    this.#made.clear();
    const before = this.#writes;
    this.#hook.enable();
    try {
      await work();
    } finally {
      this.#hook.disable();
    }
    const made = (type: string): number => this.#made.get(type) ?? 0;
    return { promises: made('PROMISE'), timers: made('Timeout'), writes: this.#writes - before };
  }
}
