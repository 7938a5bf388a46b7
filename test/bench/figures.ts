/** What can be measured, as the JSON lines name it. `ratio` is the name of its ratio to raw amqplib of the same round. */
export const figures = {
  rate: { head: 'msg/s', ratio: 'rateRatio' },
  cpuUsPerMessage: { head: 'client CPU µs/msg', ratio: 'cpuRatio' },
  p50Ms: { head: 'p50 ms', ratio: 'p50Ratio' },
  p95Ms: { head: 'p95 ms' },
  p99Ms: { head: 'p99 ms', ratio: 'p99Ratio' },
  maxMs: { head: 'max ms' },
  importMs: { head: 'import ms' },
  openMs: { head: 'connect, declare ms' },
  firstPublishMs: { head: 'first confirm ms' },
  totalMs: { head: 'total ms', ratio: 'totalRatio' },
  startCpuMs: { head: 'CPU ms' },
  idleCpuMsPerS: { head: 'idle CPU ms/s' },
  heldMessages: { head: 'held' },
  refusedMessages: { head: 'refused' },
  memoryGrownMb: { head: 'memory grown MB' },
  heapGrownMb: { head: 'heap grown MB' },
  peakMemoryMb: { head: 'peak memory MB' },
} as const satisfies Record<string, { readonly head: string; readonly ratio?: string }>;

export type Figure = keyof typeof figures;

export type RatioName = Extract<(typeof figures)[Figure], { ratio: string }>['ratio'];

/** What one run of one library has measured. */
export type Sample = Readonly<Partial<Record<Figure, number>>>;

export const figureNames: readonly Figure[] = Object.keys(figures) as Figure[];

/** Every name that a line can carry a spread under, with the figure it is of. */
export function ratioOf(figure: Figure): RatioName | undefined {
  const known: { readonly head: string; readonly ratio?: RatioName } = figures[figure];
  return known.ratio;
}
