import { once } from 'node:events';
import { connect } from 'node:net';

const protocolHeader = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1');
const methodFrame = 1;

/** Whether something there answers AMQP's greeting as a broker does that is ready to open a connection. */
export async function answersAmqp(host: string, port: number, timeoutMs = 1_000): Promise<boolean> {
  const socket = connect(port, host);
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('timeout')));
  try {
    socket.write(protocolHeader);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer[0] === methodFrame;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
