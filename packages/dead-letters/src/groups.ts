import type { DeadMessage } from './dead-message.ts';
import { type Signature, signatureOf } from './signature.ts';

/** Messages that died of the same thing: of one queue, with one error, its message masked, for one reason. */
export interface Group extends Signature {
  readonly count: number;
  /** When the first and the last of them failed, in milliseconds since the Unix epoch; undefined where none tells. */
  readonly firstAt: number | undefined;
  readonly lastAt: number | undefined;
  /** The id of the one that failed last. */
  readonly sampleId: string;
}

/** Counts messages into their groups and keeps none of them. */
export class Grouping {
  readonly #groups = new Map<string, Group>();

  add(message: DeadMessage): void {
    const signature = signatureOf(message);
    const at = message.failure.failedAt;
    const group = this.#groups.get(signature.key);
    if (group === undefined) {
      this.#groups.set(signature.key, { ...signature, count: 1, firstAt: at, lastAt: at, sampleId: message.id });
      return;
    }
    const isLater = at !== undefined && (group.lastAt === undefined || at > group.lastAt);
    const isEarlier = at !== undefined && (group.firstAt === undefined || at < group.firstAt);
    this.#groups.set(signature.key, {
      ...group,
      count: group.count + 1,
      firstAt: isEarlier ? at : group.firstAt,
      lastAt: isLater ? at : group.lastAt,
      sampleId: isLater ? message.id : group.sampleId,
    });
  }

  /** The largest first, then the one that failed last. */
  groups(): Group[] {
    const all = [...this.#groups.values()];
    return all.sort((one, other) => other.count - one.count || (other.lastAt ?? 0) - (one.lastAt ?? 0));
  }
}
