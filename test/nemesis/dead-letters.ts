import type { ConsumeMessage } from 'amqplib';
import { type Behaviour, mayDie, type Order } from './behaviour.ts';

export interface DeadLetterFound {
  readonly id: string;
  readonly does: Behaviour;
  /** As readers of dead letters name it: `failed`, `dead-letter`, `undecodable`, `delivery-limit`, `expired` … */
  readonly reason: string;
  /** Whether that is what the message was to come to. */
  readonly isMeant: boolean;
}

export function deadLetterOf({ content, properties }: ConsumeMessage): DeadLetterFound {
  const does = behaviourIn(content);
  const reason = reasonIn(properties.headers ?? {});
  return { id: String(properties.messageId), does, reason, isMeant: mayDie(does, reason) };
}

function behaviourIn(content: Buffer): Behaviour {
  try {
    return (JSON.parse(content.toString()) as Order).does;
  } catch {
    return 'malformed';
  }
}

/** Ours where the consumer laid it aside, the broker's otherwise. */
function reasonIn(headers: Readonly<Record<string, unknown>>): string {
  const ours = headers['surehop-reason'];
  if (typeof ours === 'string') return ours;
  const [death] = (headers['x-death'] ?? []) as readonly { readonly reason?: string }[];
  const brokers = death?.reason ?? headers['x-last-death-reason'] ?? 'unroutable';
  return String(brokers).replaceAll('_', '-');
}
