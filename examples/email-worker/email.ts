import { DeadLetter, type ReceivedMessage, RetryLater } from '@surehop/consumer';
import type { Order } from './contracts.ts';

/**
 * Asks a mail service to send the confirmation of an order; without one, logs what it would send. May run twice for the
 * same order, when this process dies before the broker knows that it is done: the order's id lets the mail service tell.
 */
export async function confirmOrder(message: ReceivedMessage<Order>, mailApiUrl: string | undefined): Promise<void> {
  const { body: order, attempt, signal, log } = message;
  if (mailApiUrl === undefined) {
    log.info({ order: order.id, attempt }, 'would send an e-mail (MAIL_API_URL is not set)');
    return;
  }
  const response = await fetch(mailApiUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': order.id },
    body: JSON.stringify({ to: order.email, subject: `Your order of ${order.quantity} × ${order.item}` }),
    signal, // aborted at the time limit and at shutdown
  });
  await response.body?.cancel();
  judge(response);
  log.info({ order: order.id, attempt }, 'e-mail sent');
}

/** What an answer means for the message. A fetch that throws, as any other error, means: try again, later each time. */
function judge({ ok, status, headers }: Response): void {
  if (ok) return;
  if (status === 429 || status === 503) {
    const seconds = Number(headers.get('retry-after'));
    // It says itself when to come back; more than an hour would be a mistake.
    if (Number.isInteger(seconds) && seconds > 0) throw new RetryLater(Math.min(seconds, 3_600) * 1_000);
  }
  // It will say the same tomorrow: no attempt is wasted, a person looks at it.
  if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) {
    throw new DeadLetter(`the mail service refused it with ${status}`);
  }
  throw new Error(`the mail service answered ${status}`);
}
