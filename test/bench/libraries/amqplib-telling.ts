import type { Client, Setup } from '../client.ts';
import { openWith } from './amqplib.ts';
import { attemptHeader, type HeadersOf } from './amqplib-ladder.ts';

interface Failure {
  readonly at: string;
  readonly name: string;
  readonly message: string;
  readonly consumer: string;
}

/** The ladder by hand, with retries that tell as much as ours: what failed, when, where, how often and why. */
export function open(setup: Setup): Promise<Client> {
  return openWith(setup, headersOf);
}

const headersOf: HeadersOf = ({ fields, properties }, failures, thrown) => {
  const before: Readonly<Record<string, unknown>> = properties.headers ?? {};
  const at = new Date().toISOString();
  const { name, message } = thrown as Error;
  const history = (before['x-history'] ?? []) as readonly Failure[];
  return {
    [attemptHeader]: failures,
    'x-first-failed-at': before['x-first-failed-at'] ?? at,
    'x-failed-at': at,
    'x-error-name': name,
    'x-error-message': message,
    'x-history': [...history, { at, name, message, consumer: fields.consumerTag }],
    'x-queue': before['x-queue'] ?? fields.routingKey,
    'x-exchange': before['x-exchange'] ?? fields.exchange,
    'x-routing-key': before['x-routing-key'] ?? fields.routingKey,
  };
};
