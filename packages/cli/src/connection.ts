import { type ConnectOptions, connect, type Rabbit } from '@surehop/core';
import type { GlobalFlags } from './action.ts';
import type { Context } from './context.ts';
import { textLogger } from './text-logger.ts';

const localBroker = 'amqp://localhost';

/** `--url`, or AMQP_URL, or the broker of this machine. Its password is noted, so that no message shows it. */
export function brokerUrl({ env, secrets }: Context, flags: GlobalFlags): string {
  const url = flags.url ?? nonEmpty(env.AMQP_URL) ?? localBroker;
  secrets.noteUrl(url);
  return url;
}

/** `--management-url`, or AMQP_MANAGEMENT_URL; undefined when there is neither. */
export function managementUrl({ env, secrets }: Context, flags: GlobalFlags): string | undefined {
  const url = flags.managementUrl ?? nonEmpty(env.AMQP_MANAGEMENT_URL);
  if (url !== undefined) secrets.noteUrl(url);
  return url;
}

/**
 * A connection to the broker. Close it: `await using`.
 *
 * @throws {SurehopError} as `connect()` does
 */
export function openRabbit(
  context: Context,
  flags: GlobalFlags,
  options: Omit<ConnectOptions, 'url' | 'log'> = {},
): Promise<Rabbit> {
  const url = brokerUrl(context, flags);
  const management = managementUrl(context, flags);
  return connect({
    name: 'surehop command',
    ...(management === undefined ? {} : { managementUrl: management }),
    ...options,
    url,
    log: textLogger(context),
  });
}

/** Where a connection leads, for questions and reports: host and virtual host. */
export function brokerLabel(context: Context, flags: GlobalFlags): string {
  const url = URL.parse(brokerUrl(context, flags));
  if (url === null) return 'the broker';
  const vhost = url.pathname.length > 1 ? url.pathname.slice(1) : '/';
  return `${url.host}, virtual host ${decodeURIComponent(vhost)}`;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
