/** The first window of a channel's consumers: so many messages come before anything is known of their size. */
const firstWindow = 10;
const largestWindow = 2_000;

/** What waits in memory to be looked at, in bytes. */
const windowBytes = 16 * 1_024 * 1_024;

/**
 * How many messages a channel's next consumer may have at a time.
 *
 * @param windows how many there are already
 * @param meanBytes of the bodies that came so far
 */
export function nextWindow(windows: number, meanBytes: number): number {
  if (windows === 0) return firstWindow;
  return Math.min(largestWindow, Math.max(1, Math.floor(windowBytes / Math.max(1, meanBytes))));
}
