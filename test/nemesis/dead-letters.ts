import type { ConsumeMessage } from 'amqplib';
import { orders } from './assignment.ts';
import { type Behaviour, mayDie, type Order } from './behaviour.ts';

type HeaderTable = Readonly<Record<string, unknown>>;

/** Of the queues in which messages wait. */
const waitingPrefixes = [`${orders.name}.retry.`, 'surehop.delay.v1.level.'];

export interface DeadLetterFound {
  readonly id: string;
  readonly does: Behaviour;
  /** As readers of dead letters name it: `failed`, `dead-letter`, `undecodable`, `delivery-limit`, `expired` … */
  readonly reason: string;
  /** Whether that is what the message was to come to. */
  readonly isMeant: boolean;
  /** When its time in a delay queue was over and nothing took it back, in milliseconds since the Unix epoch; to the second. */
  readonly strandedAt: number | undefined;
}

export function deadLetterOf({ content, properties }: ConsumeMessage): DeadLetterFound {
  const does = behaviourIn(content);
  const reason = reasonIn(properties.headers ?? {});
  const strandedAt = strandedAtIn(properties.headers ?? {});
  return { id: String(properties.messageId), does, reason, isMeant: mayDie(does, reason), strandedAt };
}

function strandedAtIn({ 'x-death': deaths, 'surehop-reason': ours }: HeaderTable): number | undefined {
  const [death] = (deaths ?? []) as readonly { reason?: string; queue?: string; time?: { value?: number } }[];
  const hasWaited = waitingPrefixes.some((prefix) => death?.queue?.startsWith(prefix));
  // A copy in the delay network is no dead letter yet: it has no reason of ours either.
  const isStranded = ours === undefined && death?.reason === 'expired' && hasWaited;
  return isStranded ? (death?.time?.value ?? 0) * 1_000 : undefined;
}

function behaviourIn(content: Buffer): Behaviour {
  try {
    return (JSON.parse(content.toString()) as Order).does;
  } catch {
    return 'malformed';
  }
}

/** Ours where the consumer laid it aside, the broker's otherwise. */
function reasonIn(headers: HeaderTable): string {
  const ours = headers['surehop-reason'];
  if (typeof ours === 'string') return ours;
  const [death] = (headers['x-death'] ?? []) as readonly { readonly reason?: string }[];
  const brokers = death?.reason ?? headers['x-last-death-reason'] ?? 'unroutable';
  return String(brokers).replaceAll('_', '-');
}
