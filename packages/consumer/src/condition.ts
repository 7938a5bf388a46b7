/** Lets others wait until something is so, without a poll. */
export class Condition {
  readonly #checks = new Set<() => void>();

  /** To be called after every change that somebody may wait for. */
  changed(): void {
    if (this.#checks.size === 0) return; // mostly nobody waits
    for (const check of [...this.#checks]) check();
  }

  /** Resolves as soon as `isSo` answers true; rejects with the signal's reason when that aborts first. */
  until(isSo: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        this.#checks.delete(check);
        signal?.removeEventListener('abort', check);
        finish();
      };
      const check = (): void => {
        if (isSo()) settle(resolve);
        else if (signal?.aborted) settle(() => reject(signal.reason));
      };
      this.#checks.add(check);
      signal?.addEventListener('abort', check, { once: true });
      check();
    });
  }
}
