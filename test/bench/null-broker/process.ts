// A server that only answers the handshake, confirms and delivers, in a process of its own, so that the client is the
// limit. Started with the size of the bodies that it is to deliver; says its port over IPC.
import { type AddressInfo, createServer } from 'node:net';
import { NullConnection } from './connection.ts';

const bodyBytes = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (socket) => new NullConnection(socket, bodyBytes));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
