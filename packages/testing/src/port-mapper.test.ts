import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { freePort } from './port.ts';
import { PortMapper } from './port-mapper.ts';

// As erl_epmd of Erlang 25 sends it: port, visible node, TCP over IPv4, versions 6 to 5, name, extra.
const traits = Buffer.from([77, 0, 0, 6, 0, 5]);
const registration = message(120, Buffer.from([0x4e, 0x21]), traits, counted('rabbit'), counted(''));

let port: number;
let mapper: PortMapper;
let node: Socket;

beforeEach(async () => {
  port = await freePort();
  mapper = await PortMapper.start(port, (name) => (name === 'other' ? 30_002 : undefined));
  node = connect(port, '127.0.0.1');
});

afterEach(async () => {
  node.destroy();
  await mapper.close();
});

test('a node is registered as long as its connection lasts', async () => {
  node.write(registration);
  const [answer] = (await once(node, 'data')) as [Buffer];

  expect([...answer.subarray(0, 2)]).toEqual([118, 0]);
  expect(answer).toHaveLength(6);
  expect(mapper.has('rabbit')).toBe(true);
  node.destroy();
  await eventually(() => expect(mapper.has('rabbit')).toBe(false));
});

test('a registration that arrives in pieces is understood', async () => {
  node.setNoDelay(true);
  for (const byte of registration) node.write(Buffer.from([byte]));
  await once(node, 'data');
  expect(mapper.has('rabbit')).toBe(true);
});

test('a name is given once', async () => {
  node.write(registration);
  await once(node, 'data');

  const second = connect(port, '127.0.0.1');
  second.write(registration);
  const [answer] = (await once(second, 'data')) as [Buffer];
  second.destroy();

  expect(answer[1]).toBe(1);
  expect(mapper.has('rabbit')).toBe(true);
});

test('an older node gets the shorter answer that it understands', async () => {
  const older = Buffer.from([77, 0, 0, 5, 0, 5]);
  node.write(message(120, Buffer.from([0x4e, 0x21]), older, counted('rabbit'), counted('')));
  const [answer] = (await once(node, 'data')) as [Buffer];
  expect([...answer.subarray(0, 2)]).toEqual([121, 0]);
  expect(answer).toHaveLength(4);
});

test('a registered node is found where it listens, another one where the way leads, nobody else at all', async () => {
  node.write(registration);
  await once(node, 'data');

  const found = (name: string, at: number): Buffer =>
    Buffer.concat([Buffer.from([119, 0, at >> 8, at & 0xff]), traits, counted(name), counted('')]);
  expect(await ask(message(122, Buffer.from('rabbit')))).toEqual(found('rabbit', 20_001));
  expect(await ask(message(122, Buffer.from('other')))).toEqual(found('other', 30_002));
  expect(await ask(message(122, Buffer.from('stranger')))).toEqual(Buffer.from([119, 1]));
});

test('it lists what is registered here, and says where it listens itself', async () => {
  node.write(registration);
  await once(node, 'data');

  const answer = await ask(message(110));
  expect(answer.readUInt32BE(0)).toBe(port);
  expect(answer.toString('utf8', 4)).toBe('name rabbit at port 20001\n');
});

test('what it does not understand ends the connection and nothing else', async () => {
  expect(await ask(message(99))).toHaveLength(0);
  expect(await ask(Buffer.from([0, 0]))).toHaveLength(0);
  expect(await ask(message(120, Buffer.from([0x4e])))).toHaveLength(0);
  expect(await ask(message(110))).toHaveLength(4);
});

function message(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([tag]), ...parts]);
  return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xff]), body]);
}

function counted(text: string): Buffer {
  return Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);
}

/** All that is answered until the mapper closes the connection. */
async function ask(request: Buffer): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  const answers: Buffer[] = [];
  socket.on('data', (bytes) => answers.push(bytes));
  socket.write(request);
  await once(socket, 'close');
  return Buffer.concat(answers);
}
