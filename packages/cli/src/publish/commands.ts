import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createPublisher, type RawDestination } from '@surehop/publisher';
import { type Command, Option } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import { openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { count, durationMs } from '../flag-values.ts';
import { withNearest } from '../nearest-queues.ts';
import { Output } from '../output.ts';
import { number, startProgress } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { type Draft, draftOf } from './message-line.ts';
import { type PublishReport, publishLines } from './run.ts';

interface PublishFlags {
  readonly exchange?: string;
  readonly key?: string;
  readonly file?: string;
  readonly raw?: boolean;
  readonly contentType?: string;
  readonly deadline: number;
  readonly fromLine: number;
  readonly maxMessageBytes: number;
}

const deadline = new Option('--deadline <duration>', 'how long one message may wait for its confirm')
  .argParser(durationMs)
  .default(30_000, '30s');
const mebibyte = 1_024 * 1_024;
const problemsShown = 20;

export function addPublishCommand(program: Command, context: Context): void {
  program
    .command('publish')
    .summary('publish lines of JSON, each confirmed')
    .description(
      'Publishes each line of standard input, or of a file, as one message, and waits until the broker has stored all of them. A line is {"body": …} or {"bodyBase64": "…"}, with headers, messageId and properties where they are wanted; what `surehop consume` prints is one.',
    )
    .argument('[queue]', 'the queue to publish to; it must exist')
    .option('--exchange <name>', 'publish to this exchange instead')
    .option('--key <key>', 'routing key for the exchange (default: empty)')
    .option('--file <path>', 'read lines from this file (default: standard input)')
    .option('--raw', 'take each line itself as the body')
    .option('--content-type <type>', 'content type of messages that name none (default: application/json for a "body")')
    .addOption(deadline)
    .option('--from-line <n>', 'begin with this line: go on where an earlier run stopped', count, 1)
    .option('--max-message-bytes <n>', 'refuse larger bodies', count, 16 * mebibyte)
    .action(action<PublishFlags, [string | undefined]>(context, (flags, queue) => publish(context, flags, queue)));
}

async function publish(
  context: Context,
  flags: PublishFlags & GlobalFlags,
  queue: string | undefined,
): Promise<ExitCode> {
  const destination = destinationOf(queue, flags);
  const output = new Output(context, flags);
  const input = await inputOf(context, flags.file);
  await using rabbit = await openRabbit(context, flags, { topology: 'off' });
  const { maxMessageBytes, deadline, fromLine } = flags;
  await using publisher = createPublisher(rabbit, { maxMessageBytes });
  using meter = startProgress(context, 'published');
  let shown = 0;
  const { report, error } = await publishLines({
    input: input.stream,
    publisher,
    destination,
    draftOf: reader(flags),
    fromLine,
    // In base64 a body takes a third more; headers and the rest beside it are far smaller than this.
    maxLineBytes: flags.raw === true ? maxMessageBytes : 2 * maxMessageBytes + mebibyte,
    deadlineMs: deadline,
    signal: context.signal,
    onProblem: (line, why) => {
      shown += 1;
      if (shown <= problemsShown) context.note(`line ${line}: ${why}`);
      if (shown === problemsShown + 1) context.note('more lines are damaged; only their number is told');
    },
    onProgress: ({ stored, lines }) => meter.update({ done: stored, total: input.about(lines) }),
  });
  input.stream.destroy();
  meter.finish();
  await output.value(report, () => summary(report));
  if (error !== undefined) {
    if (report.goOnAt !== undefined) context.note(`stopped: go on with --from-line ${report.goOnAt}`);
    throw await withNearest(context, flags, queue, error);
  }
  return report.damaged > 0 ? exitCodes.partly : exitCodes.done;
}

function destinationOf(queue: string | undefined, { exchange, key }: PublishFlags): RawDestination {
  if (queue !== undefined && exchange !== undefined) throw new UsageError('give a queue or --exchange, not both');
  if (queue !== undefined && key !== undefined)
    throw new UsageError('--key is for --exchange: a queue is its own address');
  if (queue !== undefined) return { exchange: '', routingKey: queue };
  if (exchange === undefined) throw new UsageError('give the queue to publish to, or --exchange with --key');
  return { exchange, routingKey: key ?? '' };
}

interface Input {
  readonly stream: Readable;
  /** How many lines there are in all, guessed from those that were read; undefined where its end is not known. */
  about(linesRead: number): number | undefined;
}

async function inputOf({ stdin, note }: Context, file: string | undefined): Promise<Input> {
  if (file === undefined) {
    if (stdin.isTTY === true) note('reading lines from the terminal; Ctrl-D ends');
    return { stream: stdin, about: () => undefined };
  }
  const found = await stat(file).catch((cause: unknown) => {
    throw new UsageError(`the file ${file} cannot be read`, { cause });
  });
  if (found.isDirectory()) throw new UsageError(`${file} is a directory`);
  const stream = createReadStream(file);
  await once(stream, 'open');
  return {
    stream,
    about: (lines) => Math.max(lines, Math.round((lines * found.size) / Math.max(1, stream.bytesRead))),
  };
}

function reader({ raw, contentType }: PublishFlags): (line: Buffer) => Draft {
  if (raw !== true) return (line) => draftOf(line, contentType);
  const properties = contentType === undefined ? {} : { contentType };
  return (content) => ({ content, properties });
}

function summary({ stored, damaged, unknown }: PublishReport): string {
  const parts = [`published ${number(stored)}`];
  if (damaged > 0) parts.push(`${number(damaged)} damaged`);
  if (unknown > 0) parts.push(`${number(unknown)} without an answer: perhaps stored`);
  return parts.join(', ');
}
