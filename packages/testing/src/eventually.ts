/**
 * Retries `check` every 20 ms until it stops throwing, and resolves to its value.
 *
 * @param timeoutMs after which its last error is thrown, in milliseconds. A check that never settles is not cut short
 */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs = 5_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
