import { connect } from 'node:net';
import { eventually } from './eventually.ts';

/**
 * Stops the Erlang port mapper that listens on this port of 127.0.0.1. Resolves when it has agreed or there is none.
 *
 * It is asked by its own protocol rather than by a signal, since a daemon that a node started has no pid we know. It
 * refuses while a node is registered; a killed node is struck off within milliseconds.
 */
export async function stopEpmd(port: number): Promise<void> {
  let silences = 0;
  await eventually(async () => {
    const answer = await askToStop(port);
    if (answer === 'OK') return;
    if (answer !== '') throw new Error(`epmd on port ${port} answered "${answer}" when asked to stop.`);
    // One that a node has started a moment ago may not listen yet.
    silences += 1;
    if (silences < 4) throw new Error(`It is not certain that there is no epmd on port ${port}.`);
  });
}

/** Resolves to `OK`, `NO`, or nothing where nothing listens. */
async function askToStop(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => {}); // nothing listens, or it ended before it had answered: both are what we want
  socket.setTimeout(2_000, () => socket.destroy());
  socket.write(Buffer.from([0, 1, 'k'.charCodeAt(0)]));
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}
