import { hash } from 'node:crypto';
import type { Draft } from './entry.ts';

/** So many are remembered. */
const most = 10_000;

/** Ids that callers chose, of messages that were sent: one that comes again for something else is a mistake. */
export class SentIds {
  readonly #digests = new Map<string, string>();

  add(draft: Draft): void {
    if (!draft.hasGivenId) return;
    const { id } = draft.row;
    this.#digests.delete(id);
    this.#digests.set(id, digestOf(draft));
    if (this.#digests.size <= most) return;
    for (const oldest of this.#digests.keys()) {
      this.#digests.delete(oldest);
      return;
    }
  }

  /** True where the id was another message's. */
  isAnothers(draft: Draft): boolean {
    if (!draft.hasGivenId) return false;
    const known = this.#digests.get(draft.row.id);
    return known !== undefined && known !== digestOf(draft);
  }
}

function digestOf({ row: { exchange, routingKey }, content }: Draft): string {
  return hash('sha256', Buffer.concat([Buffer.from(JSON.stringify([exchange, routingKey])), content]), 'base64');
}
