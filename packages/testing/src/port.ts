import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { BrokerError } from './errors.ts';

// Below the range from which systems take the local ports of outgoing connections: such a port could be taken by
// somebody's connection before the node listens, or while it is stopped.
const lowest = 20_000;
const highest = 32_000;
const host = '127.0.0.1';

/**
 * A TCP port between 20,000 and 32,000 on which nothing listens on 127.0.0.1. Neither this process is given it again nor
 * another one that asks in this way while this one runs, as the workers of a test runner do.
 *
 * @throws {BrokerError} none of 200 random ports was free
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if ((await reserve(port)) && (await isFree(port))) return port;
  }
  throw new BrokerError(`None of 200 random ports between ${lowest} and ${highest} is free. End what listens there.`);
}

/** By its namesake of UDP, which is held until this process ends and is in no node's way. */
async function reserve(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    const bound = once(socket, 'listening');
    socket.bind({ port, address: host, exclusive: true });
    await bound;
  } catch {
    return false;
  }
  socket.unref();
  return true;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
