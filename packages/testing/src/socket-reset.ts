import type { Socket } from 'node:net';

/**
 * Ends a connection by a reset. One whose end was already sent is only destroyed: libuv refuses to reset it
 * (`uv_tcp_close_reset` during a shutdown is EINVAL), and Node then never tells its `close`.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
