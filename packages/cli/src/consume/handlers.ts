import type { ReceivedMessage } from '@surehop/core';
import { tableToPlain } from '@surehop/core/internal';
import type { Context } from '../context.ts';
import { bodyJson } from '../message-json.ts';
import type { Output } from '../output.ts';
import { runProgramFor } from './child-program.ts';
import { handlerEnvironment } from './handler-environment.ts';
import { verdictOf } from './verdict.ts';

/** What is done with one message. It is settled by what this does; see `Handler` of @surehop/core. */
export type HandleMessage = (message: ReceivedMessage<unknown>) => Promise<void>;

/** Prints each message as a line; it is acknowledged once the line was handed to the system. */
export function printing(output: Output): HandleMessage {
  return (message) => {
    const record = recordOf(message);
    return output.record(record, () => JSON.stringify(record));
  };
}

/** Runs a program for each message; its exit code settles it. */
export function running(context: Context, [program = '', ...args]: readonly string[]): HandleMessage {
  return async (message) => {
    const env = handlerEnvironment(context.env, message);
    const { content: input, signal } = message;
    const error = verdictOf(await runProgramFor({ program, args, env, input, signal, stderr: context.stderr }));
    if (error !== undefined) throw error;
  };
}

/** A message as a line shows it; `surehop publish` takes it as it is. */
function recordOf(message: ReceivedMessage<unknown>): Record<string, unknown> {
  const { queue, exchange, routingKey, attempt, redelivered, properties, headers, content } = message;
  const { messageId, ...others } = properties;
  return {
    ...(messageId === undefined ? {} : { messageId }),
    queue,
    exchange,
    routingKey,
    attempt,
    redelivered,
    properties: others,
    headers: tableToPlain(headers),
    ...bodyJson(content, properties.contentType),
  };
}
