import type { IncomingMessage } from '@surehop/core/internal';
import { copyName, type WaitingNote } from './waiting-message.ts';

/** What earlier openings of a waiting queue have laid aside. */
export class Leftovers {
  readonly #seen = new Set<string>();
  /** By message id: those whose original may still be in the work queue. */
  readonly #copied = new Map<string, Uint8Array[]>();

  /** Whether it was sent twice, since its confirm was late. */
  hasSeen(note: WaitingNote): boolean {
    return this.#seen.has(copyName(note));
  }

  add({ properties, content }: IncomingMessage, note: WaitingNote): void {
    this.#seen.add(copyName(note));
    const { messageId } = properties;
    if (messageId === undefined) return;
    const same = this.#copied.get(messageId);
    if (same === undefined) this.#copied.set(messageId, [content]);
    else same.push(content);
  }

  /**
   * Whether a delivery of the work queue is the original of one of them: who copied it died before it could acknowledge.
   * Each has one. Ids are foreign, so that the bodies are compared too. What was handed out before comes first: when
   * something else comes, no original can come any more.
   */
  holds({ redelivered, properties, content }: IncomingMessage): boolean {
    if (!redelivered) this.#copied.clear();
    if (!redelivered || properties.messageId === undefined) return false;
    const copied = this.#copied.get(properties.messageId) ?? [];
    const at = copied.findIndex((other) => Buffer.compare(other, content) === 0);
    if (at >= 0) copied.splice(at, 1);
    return at >= 0;
  }
}
