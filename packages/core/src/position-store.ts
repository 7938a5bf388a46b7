import { integer, nonEmptyString } from './option-checks.ts';

/**
 * Where somebody stands who goes through numbered things: the offset of a stream that a reader reads next, the last number
 * of a sequence that was released. A position is a safe integer from 0 on.
 *
 * Rules for those who implement it:
 * - `save` never goes back: a number below the stored one changes nothing. What comes late, of a process that was
 *   replaced or of a call that was tried again, then does no harm. It must hold between processes, so it is one atomic
 *   statement (`on conflict … do update … where excluded.position > …`), not a look and then a write.
 * - When `save` resolves, the number survives this process, and where the store says so the machine too.
 * - `load` resolves to the largest number whose `save` has resolved, of whatever process, or to a larger one.
 * - Both may reject; nothing is known then about that save. The caller tries again, with a larger number perhaps.
 * - Names are the caller's and compared byte for byte; one store serves many at once.
 *
 * Rules for those who use it: save only what is done with everything before it; a position that is saved late costs
 * repetition, one that is saved early costs messages. Two that go on under one name at once do the work twice: the store
 * locks nothing. To begin again, take another name, or delete the entry by the means of the store.
 */
export interface PositionStore {
  /** Undefined for a name that was never saved. */
  load(name: string): Promise<number | undefined>;
  save(name: string, position: number): Promise<void>;
}

/** Positions in the memory of this process, for tests and for those who may begin again after a restart. */
export function memoryPositionStore(): PositionStore {
  const positions = new Map<string, number>();
  return {
    async load(name) {
      nonEmptyString('the name of a position', name);
      return positions.get(name);
    },
    async save(name, position) {
      nonEmptyString('the name of a position', name);
      integer('a position', position, 0);
      positions.set(name, Math.max(position, positions.get(name) ?? 0));
    },
  };
}
