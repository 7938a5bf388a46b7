import type { Sample } from '../figures.ts';
import { quantile } from '../statistics.ts';

/** Of times in milliseconds. */
export function percentiles(timesMs: readonly number[]): Sample {
  if (timesMs.length === 0) throw new Error('nothing was timed');
  const sorted = timesMs.toSorted((one, other) => one - other);
  return {
    p50Ms: quantile(sorted, 0.5),
    p95Ms: quantile(sorted, 0.95),
    p99Ms: quantile(sorted, 0.99),
    maxMs: quantile(sorted, 1),
  };
}
