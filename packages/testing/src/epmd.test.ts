import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { stopEpmd } from './epmd.ts';
import { freePort } from './port.ts';

test('stopEpmd() asks again while a node is still registered', async () => {
  const asked: Buffer[] = [];
  const epmd = createServer((socket) => {
    socket.once('data', (request) => {
      asked.push(request);
      socket.end(asked.length < 3 ? 'NO' : 'OK');
    });
  });
  epmd.listen(0, '127.0.0.1');
  await once(epmd, 'listening');

  await stopEpmd((epmd.address() as AddressInfo).port);

  expect(asked).toEqual(Array(3).fill(Buffer.from('\0\x01k')));
  epmd.close();
});

test('stopEpmd() is content where there is none', async () => {
  await expect(stopEpmd(await freePort())).resolves.toBeUndefined();
});
