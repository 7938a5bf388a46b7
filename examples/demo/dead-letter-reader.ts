import { createConsumer, type HeaderTable, type Rabbit, type ReceivedMessage } from '@surehop/consumer';
import { orders } from './contracts.ts';
import type { Death, Ledger } from './ledger.ts';

/** Takes every message out of the dead-letter queue and notes why it is there. */
export async function readDeadLetters(rabbit: Rabbit, ledger: Ledger, onChange: () => void): Promise<void> {
  const queue = `${orders.name}.dead-letter`;
  const take = ({ properties, headers }: ReceivedMessage<Uint8Array>): void => {
    ledger.bury(String(properties.messageId), deathIn(headers));
    onChange();
  };
  await createConsumer(rabbit, { queue, raw: true }, take, { retry: { delaysMs: [] } });
}

/** Headers are foreign, whoever wrote them: nothing in them is trusted. */
export function deathIn(headers: HeaderTable): Death {
  const attempts = Number(headers['surehop-attempt']);
  return {
    reason: textOf(headers['surehop-reason']) ?? brokersReason(headers['x-death']),
    error: `${textOf(headers['surehop-error-name']) ?? 'no error'}: ${textOf(headers['surehop-error-message']) ?? ''}`,
    attempts: Number.isSafeInteger(attempts) ? attempts : 0,
  };
}

/** What the broker itself lays aside carries none of the SDK's headers. */
function brokersReason(xDeath: unknown): string {
  const [first] = Array.isArray(xDeath) ? (xDeath as { reason?: unknown }[]) : [];
  return textOf(first?.reason) ?? 'unknown';
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
