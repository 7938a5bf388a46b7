import type { Rabbit } from '@surehop/core';
import { internalsOf, systemEffects } from '@surehop/core/internal';
import { FilePublisher } from './file-publisher.ts';
import { resolveSpoolOptions, type SpoolOptions } from './spool-options.ts';
import type { SpoolingPublisher } from './spooling-publisher.ts';

/**
 * Opens the file, makes it sound where it is damaged, and begins to send what an earlier process has left in it.
 *
 * @param rabbit a connection, or the promise of one: with `createSpoolingPublisher(connect({ url, waitMs }), …)` a service
 *   accepts messages while the broker cannot be reached yet
 * @throws {SurehopError} SUREHOP_OPTION_INVALID; SUREHOP_SPOOL_LOCKED: another process has the file;
 *   SUREHOP_SPOOL_UNUSABLE: it cannot be used as a spool; SUREHOP_CLOSED on a closed connection
 */
export async function createSpoolingPublisher(
  rabbit: Rabbit | PromiseLike<Rabbit>,
  options: SpoolOptions,
): Promise<SpoolingPublisher> {
  const isPromise = typeof rabbit === 'object' && rabbit !== null && 'then' in rabbit;
  if (isPromise) rabbit.then(undefined, () => undefined); // it may reject while the file is opened
  const resolved = resolveSpoolOptions(options);
  const internals = isPromise ? undefined : internalsOf(rabbit);
  const publisher = new FilePublisher(resolved, internals?.effects ?? systemEffects);
  await publisher.open();
  if (isPromise) publisher.attachLater(rabbit);
  else {
    try {
      publisher.attach(rabbit);
    } catch (error) {
      await publisher.close({ timeoutMs: 0 });
      throw error;
    }
  }
  return publisher;
}
