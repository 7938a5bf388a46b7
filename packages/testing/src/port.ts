import { once } from 'node:events';
import { createServer } from 'node:net';
import { BrokerError } from './errors.ts';

// Below the range from which systems take the local ports of outgoing connections: such a port could be taken by
// somebody's connection before the node listens, or while it is stopped.
const lowest = 20_000;
const highest = 32_000;

const given = new Set<number>();

/**
 * A TCP port between 20,000 and 32,000 on which nothing listens on 127.0.0.1. It is not reserved, but this process is
 * not given it again.
 *
 * @throws {BrokerError} none of 200 random ports was free
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new BrokerError(`None of 200 random ports between ${lowest} and ${highest} is free. End what listens there.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
