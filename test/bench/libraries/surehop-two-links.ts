import type { Client, Setup } from '../client.ts';
import { open as openOne } from './surehop.ts';

/** Two publishers, each on a connection of its own, in turn: the user gives up the order among messages. */
export async function open(setup: Setup): Promise<Client> {
  const [one, other] = await Promise.all([openOne(setup), openOne(setup)]);
  let next = one;
  return {
    publish(queue, body) {
      const chosen = next;
      next = chosen === one ? other : one;
      return chosen.publish(queue, body);
    },
    consume: (queue, handler) => one.consume(queue, handler),
    async close() {
      await Promise.all([one.close(), other.close()]);
    },
  };
}
