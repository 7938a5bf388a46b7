import {
  type Consumer,
  type ConsumerOptions,
  createConsumer,
  type Handler,
  type QueueContract,
} from '@surehop/consumer';
import type { Rabbit } from '@surehop/core';
import type { Command } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import { PipeClosedError } from '../cancellation.ts';
import { openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { count, durationMs, durationsMs } from '../flag-values.ts';
import { withNearest } from '../nearest-queues.ts';
import { Output } from '../output.ts';
import { loadContracts } from '../topology/contract-files.ts';
import { UsageError } from '../usage-error.ts';
import { Allowance } from './allowance.ts';
import { checkProgram, programsEnded } from './child-program.ts';
import { printing, running } from './handlers.ts';
import { Watch } from './watch.ts';

interface ConsumeFlags {
  readonly concurrency?: number;
  readonly limit?: number;
  readonly idle?: number;
  readonly handlerTimeout?: number;
  readonly drainTimeout?: number;
  readonly retryDelays?: readonly number[];
  readonly contracts?: string;
}

/** Lines are written faster than messages come; what is prefetched goes back when the command ends. */
const printedAtOnce = 100;

export function addConsumeCommand(program: Command, context: Context): void {
  program
    .command('consume')
    .summary('print the messages of a queue, or run a program for each')
    .description(
      'Prints each message as a line of JSON and acknowledges it once that was written. With a program after `--`, runs it for each message: the body on its standard input, properties and headers in its environment (SUREHOP_MESSAGE_ID, SUREHOP_ATTEMPT, SUREHOP_HEADER_<NAME> …). Exit code 0 acknowledges, 65 lays the message aside as a dead letter, 75 and any other code try it again later; what the program wrote to standard error is kept as the reason. Ctrl-C finishes what is in hand.',
    )
    .argument('<queue>', 'the queue to consume; it must exist, unless it comes from --contracts')
    .argument('[program...]', 'after `--`: a program and its arguments')
    .option('--concurrency <n>', 'programs that run at once (default: 1)', count)
    .option('--limit <n>', 'end after so many messages', count)
    .option('--idle <duration>', 'end when no message came for so long', durationMs)
    .option('--handler-timeout <duration>', 'longest time for one message (default: 1m)', durationMs)
    .option('--drain-timeout <duration>', 'how long Ctrl-C waits for what is in hand (default: 10s)', durationMs)
    .option(
      '--retry-delays <durations>',
      'waits between attempts, for example 1s,10s,1m (default: 1s,10s,1m,10m)',
      durationsMs,
    )
    .option('--contracts <file>', "take the queue's contract from this module; it is declared, and bodies are checked")
    .action(
      action<ConsumeFlags, [string, readonly string[]]>(context, (flags, queue, command) =>
        consume(context, flags, queue, command),
      ),
    );
}

async function consume(
  context: Context,
  flags: ConsumeFlags & GlobalFlags,
  queue: string,
  command: readonly string[],
): Promise<ExitCode> {
  const output = new Output(context, flags);
  const [program] = command;
  if (program !== undefined && output.format !== 'text') {
    throw new UsageError('--json and --ndjson are for printed messages; standard output belongs to the program');
  }
  if (program === undefined && flags.retryDelays !== undefined) {
    throw new UsageError('--retry-delays are for a program: a message that is printed does not fail');
  }
  const contract = flags.contracts === undefined ? undefined : await contractOf(queue, flags.contracts);
  if (contract !== undefined && flags.retryDelays !== undefined) {
    throw new UsageError('--retry-delays cannot be given with --contracts: the contract has its own');
  }
  if (program !== undefined) await checkProgram(program, context.env);
  const handle = program === undefined ? printing(output) : running(context, command);
  let consumer: Consumer | undefined;
  // Before the first acknowledgement, so that the broker hands out nothing in its place: what was not begun goes back as
  // it was, in its order.
  const allowance = new Allowance(flags.limit, flags.idle, () => void consumer?.pause());
  const watch = new Watch(allowance, handle);
  await using _programs = { [Symbol.asyncDispose]: programsEnded }; // after the connection, which asks them to end
  // Nothing is declared around a queue whose messages are only printed: none of them fails.
  const topology = program !== undefined || contract !== undefined ? 'declare' : 'off';
  await using rabbit = await openRabbit(context, flags, { topology });
  consumer = await subscribed(rabbit, contract ?? queue, watch.handler, flags, program !== undefined).catch(
    async (thrown: unknown) => {
      throw await withNearest(context, flags, queue, thrown);
    },
  );
  const by = await watch.ended(context.signal);
  const hasWork = by === 'idle' || (by === 'signal' && !(context.signal.reason instanceof PipeClosedError));
  await consumer.close(hasWork ? {} : { timeoutMs: 0 });
  watch.throwFault();
  await output.end();
  context.signal.throwIfAborted();
  return exitCodes.done;
}

async function contractOf(queue: string, file: string): Promise<QueueContract> {
  const { queues } = await loadContracts([file]);
  const found = queues.find(({ name }) => name === queue);
  if (found !== undefined) return found;
  const names = queues.map(({ name }) => JSON.stringify(name)).join(', ');
  throw new UsageError(
    `${file} has no contract for queue ${JSON.stringify(queue)}; it has ${names === '' ? 'none for a queue' : names}`,
  );
}

function optionsOf(flags: ConsumeFlags, runsProgram: boolean): ConsumerOptions {
  const asked = flags.concurrency ?? (runsProgram ? 1 : printedAtOnce);
  return {
    concurrency: Math.min(asked, flags.limit ?? asked),
    ...(flags.handlerTimeout === undefined ? {} : { handlerTimeoutMs: flags.handlerTimeout }),
    ...(flags.drainTimeout === undefined ? {} : { drainTimeoutMs: flags.drainTimeout }),
  };
}

function subscribed(
  rabbit: Rabbit,
  queue: QueueContract | string,
  handler: Handler<unknown>,
  flags: ConsumeFlags,
  runsProgram: boolean,
): Promise<Consumer> {
  const options = optionsOf(flags, runsProgram);
  if (typeof queue !== 'string') return createConsumer(rabbit, queue, handler, options);
  const retry = flags.retryDelays === undefined ? {} : { retry: { delaysMs: flags.retryDelays } };
  return createConsumer(rabbit, { queue, raw: true }, handler, { ...options, ...retry });
}
