import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { reset } from './socket-reset.ts';

test('a socket whose end is just being sent closes all the same', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const errors: unknown[] = [];
  socket.on('error', (error) => errors.push(error));
  await once(socket, 'connect');
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(2_000) });
  socket.end();
  reset(socket);
  await closed;
  expect(errors).toEqual([]);
  server.close();
});
