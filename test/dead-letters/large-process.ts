// One action on one queue, in a process that has loaded nothing else: its memory is that of the action.
import { connect, openDeadLetters } from '@surehop/dead-letters';

/** What it is to do with one queue. */
export interface Assignment {
  readonly url: string;
  readonly queue: string;
  readonly action:
    | 'export'
    | 'replay'
    | 'discard'
    | 'discard by filter, as a pass'
    | 'export, held'
    | 'dry run, held'
    | 'discard by filter, held';
  readonly file: string;
}

/** What it says of itself. */
export interface Result {
  readonly done: number;
  readonly looked: number;
  readonly seconds: number;
  /** Of the processor, of the action alone. */
  readonly busySeconds: number;
  readonly peakMegabytes: number;
  /** What the process took before it began. */
  readonly emptyMegabytes: number;
}

process.once('disconnect', () => process.exit()); // also when the one that started it is gone
process.send?.(await act(JSON.parse(process.argv[2] as string)));
process.disconnect();

async function act({ url, queue, action, file }: Assignment): Promise<Result> {
  await using rabbit = await connect({ url });
  const options = { by: 'a measurement', audit: { write: async () => undefined }, acceptsDeliveryCount: true };
  const letters = openDeadLetters(rabbit, queue, options);
  const emptyMegabytes = megabytes();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const all = { all: true };
  const even = { filter: 'header.parity = 0' };
  const acts = {
    export: () => letters.export('all', { file, ...all }),
    replay: () => letters.replay('all'),
    discard: () => letters.discard('all'),
    'discard by filter, as a pass': () => letters.discard(even, all),
    'export, held': () => letters.export('all', { file }),
    'dry run, held': () => letters.discard('all', { dryRun: true }),
    'discard by filter, held': () => letters.discard(even),
  } as const;
  const report = await acts[action]();
  const { done, looked } = report;
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const busySeconds = (user + system) / 1e6;
  return { done, looked, seconds, busySeconds, peakMegabytes: megabytes(), emptyMegabytes };
}

/** The most that this process had at a time. */
function megabytes(): number {
  return Math.round(process.resourceUsage().maxRSS / 1_024);
}
