import { setTimeout as wait } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { familiesOf } from '../family.ts';
import { durationMs } from '../flag-values.ts';
import { type Management, ManagementError, neededManagement } from '../management.ts';
import { queuesOf } from '../management-views.ts';
import { nearestOf } from '../nearest-queues.ts';
import { Output } from '../output.ts';
import { UnknownQueueError } from '../unknown-queue-error.ts';
import { RateWindow } from './rates.ts';
import { type Row, rowsOf } from './rows.ts';
import { Screen } from './screen.ts';
import { cut, tableLines } from './table.ts';

interface TopFlags {
  /** In milliseconds. */
  readonly interval?: number;
  readonly once?: boolean;
}

/** How often it is looked by default, in milliseconds. */
const usualIntervalMs = 2_000;
/** More often than this, the management API would have more to do than the queues. */
const shortestIntervalMs = 500;

/** A live view of queues. */
export function addTopCommand(program: Command, context: Context): void {
  program
    .command('top')
    .summary('watch queues live')
    .description(
      'Watches queues: depth, rates, retries, dead letters and consumers, in one line for each work queue. At a terminal the table is drawn in place, q quits; elsewhere one follows the other.',
    )
    .argument('[queues...]', 'only these work queues (default: all)')
    .option('--interval <duration>', 'between two looks (default: 2s)', intervalMs)
    .option('--once', 'print one table and end; rates need two looks, and are left out')
    .action(action<TopFlags, [readonly string[]]>(context, (flags, queues) => top(context, flags, queues)));
}

function intervalMs(text: string): number {
  const value = durationMs(text);
  if (value < shortestIntervalMs) throw new InvalidArgumentError(`It must be at least ${shortestIntervalMs}ms.`);
  return value;
}

async function top(context: Context, flags: TopFlags & GlobalFlags, only: readonly string[]): Promise<ExitCode> {
  const output = new Output(context, flags);
  const { interval = usualIntervalMs } = flags;
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
  const watch = new Watch(neededManagement({ ...context, signal }, flags, 'top'), only);
  await watch.look();
  assertAllAreThere(only, watch.names);
  if (flags.once === true) {
    await output.value(watch.value(), () => watch.lines(context).join('\n'));
    return exitCodes.done;
  }
  if (output.format === 'text' && context.stdout.isTTY === true) return await live(context, watch, { interval, ended });
  try {
    for (;;) {
      await output.record(watch.value(), () => `${watch.lines(context).join('\n')}\n`);
      await wait(interval, undefined, { signal: context.signal });
      await watch.look();
    }
  } finally {
    await output.end();
  }
}

/** @throws {UnknownQueueError} one of those that were asked for is no work queue */
function assertAllAreThere(only: readonly string[], names: readonly string[]): void {
  const missing = only.find((name) => !names.includes(name));
  if (missing === undefined) return;
  const near = nearestOf(missing, names) ?? 'No other name is like it; `surehop top` shows all of them';
  throw new UnknownQueueError(`there is no work queue ${JSON.stringify(missing)} in this virtual host. ${near}`);
}

/** Until somebody ends it. A management API that does not answer for a while is told, and asked again. */
async function live(
  context: Context,
  watch: Watch,
  { interval, ended }: { readonly interval: number; readonly ended: AbortController },
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  let trouble = '';
  const draw = (): void => screen.draw(frame(context, watch, { screen, interval, trouble }));
  using screen = new Screen(context, {
    onResize: () => draw(),
    onQuit: (isInterrupt) => {
      if (isInterrupt) exitCode = exitCodes.cancelled;
      ended.abort();
    },
  });
  const signal = AbortSignal.any([context.signal, ended.signal]);
  while (!signal.aborted) {
    draw();
    await wait(interval, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    try {
      await watch.look();
      trouble = '';
    } catch (thrown) {
      if (signal.aborted) break;
      if (!(thrown instanceof ManagementError)) throw thrown;
      trouble = thrown.message;
    }
  }
  context.signal.throwIfAborted();
  return exitCode;
}

interface FrameOptions {
  readonly screen: Screen;
  readonly interval: number;
  readonly trouble: string;
}

/** A head, the table, and a foot. */
function frame({ paint }: Context, watch: Watch, { screen, interval, trouble }: FrameOptions): string[] {
  const { columns, rows } = screen.size;
  const time = watch.lookedAt.toISOString().slice(11, 19);
  const head = `surehop top  ${time} UTC  every ${interval / 1_000} s  q quits  ${watch.place}`;
  const table = tableLines(watch.rows, { columns, height: rows - 5, paint });
  const foot = trouble === '' ? paint('dim', cut(footText, columns)) : paint('red', cut(trouble, columns));
  return [paint('dim', cut(head, columns)), '', ...table, '', foot];
}

const footText = 'counts are up to 5 s old; rates are of the last 10 s; - is not known';

/** The queues as they were at the last look, and the rates since some looks before. */
class Watch {
  readonly #management: Management;
  readonly #only: readonly string[];
  readonly #rates = new RateWindow();
  rows: readonly Row[] = [];
  /** Of all work queues. */
  names: readonly string[] = [];
  lookedAt = new Date();

  constructor(management: Management, only: readonly string[]) {
    this.#management = management;
    this.#only = only;
  }

  get place(): string {
    return `${this.#management.origin}, virtual host ${this.#management.vhost}`;
  }

  /** @throws {ManagementError} and leaves what was known */
  async look(): Promise<void> {
    const queues = await queuesOf(this.#management);
    this.#rates.add(performance.now(), queues);
    this.names = familiesOf(queues).map(({ name }) => name);
    this.rows = rowsOf(queues, this.#rates, this.#only);
    this.lookedAt = new Date();
  }

  value(): unknown {
    return { at: this.lookedAt.toISOString(), vhost: this.#management.vhost, queues: this.rows };
  }

  lines({ paint }: Context): string[] {
    return tableLines(this.rows, { columns: undefined, height: undefined, paint });
  }
}
