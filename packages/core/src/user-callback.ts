/**
 * Calls what a user gave us for its effect, such as a listener. Neither what it throws nor a promise of it that rejects
 * gets out: `onFailed` is told of both.
 *
 * @param onFailed must not throw
 */
export function callUser(callback: () => unknown, onFailed: (thrown: unknown) => void): void {
  try {
    const result = callback();
    if (isThenable(result)) Promise.resolve(result).then(undefined, onFailed);
  } catch (thrown) {
    onFailed(thrown);
  }
}

/** A promise, or what `await` would take for one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
