import { amqplibDriver } from '@surehop/core/internal';
import { afterEach, describe, expect, test } from 'vitest';
import { lookLikeAnother } from './another-amqplib.ts';
import { listeningTo, message } from './listening.ts';
import { ScriptedBroker } from './scripted-broker.ts';

const soon = (): AbortSignal => AbortSignal.timeout(5_000);
let undo = (): void => undefined;
afterEach(() => undo());

describe('an amqplib whose inside is not known', () => {
  test('writes and reads by itself, and the log says so once', async () => {
    await using broker = await ScriptedBroker.start();
    undo = lookLikeAnother();
    const warnings: unknown[] = [];
    const log = { warn: (...given: unknown[]) => void warnings.push(given) };
    const driver = amqplibDriver({ log });
    for (let dials = 0; dials < 2; dials += 1) {
      const { link, client } = await broker.dial(driver);
      const { listeners, told } = listeningTo();
      const channel = await link.openChannel(listeners, soon());
      expect(channel.publish(message('one'))).toBe(1);
      client.confirm(1, 1, false);
      await expect.poll(() => told).toEqual(['confirm 1 stored']);
    }
    expect(warnings).toEqual([[{ missing: 'freshChannel' }, expect.stringContaining('amqplib')]]);
  });
});

describe('the wire that is ours', () => {
  test('takes messages of one turn in one write, and a lone one at once', async () => {
    await using broker = await ScriptedBroker.start();
    const { link, client } = await broker.dial();
    const channel = await link.openChannel(listeningTo().listeners, soon());
    client.reads = 0;
    for (let sent = 0; sent < 100; sent += 1) channel.publish(message(`message ${sent}`));
    await expect.poll(() => client.frames.length).toBe(300);
    expect(client.reads).toBe(1);
    channel.publish(message('alone'));
    await new Promise((resolve) => process.nextTick(resolve));
    await expect.poll(() => client.frames.length).toBe(303);
  });

  test('keeps the order between its frames and those of amqplib, up to the closing of the channel and the link', async () => {
    await using broker = await ScriptedBroker.start();
    const { link, client } = await broker.dial();
    const channel = await link.openChannel(listeningTo().listeners, soon());
    channel.publish(message('a'));
    void channel.deleteQueue('q', soon()).catch(() => undefined);
    channel.publish(message('b'));
    channel.ack(1, false);
    await channel.close(soon());
    const other = await link.openChannel(listeningTo().listeners, soon());
    for (let sent = 0; sent < 100; sent += 1) other.publish(message(`last ${sent}`));
    await link.close(soon());
    const methods = client.frames.map(({ method }) => method).filter((method) => method !== '');
    expect(methods).toEqual(['60.40', '50.40', '60.40', '60.80', ...Array.from({ length: 100 }, () => '60.40')]);
  });

  test('tells a channel whose connection dies that it is closed, whatever was gathered', async () => {
    await using broker = await ScriptedBroker.start();
    const { link, client } = await broker.dial();
    const { listeners, told } = listeningTo();
    const channel = await link.openChannel(listeners, soon());
    client.socket.destroy();
    for (let sent = 0; sent < 100; sent += 1) channel.publish(message(`lost ${sent}`));
    await expect.poll(() => told).toEqual(['closed: socket']);
    expect(channel.isOpen).toBe(false);
    expect(() => channel.publish(message('late'))).toThrow('closed');
  });

  test('keeps what a peer that does not read cannot take, and sends it in order once it reads', async () => {
    await using broker = await ScriptedBroker.start();
    const { link, client } = await broker.dial();
    const channel = await link.openChannel(listeningTo().listeners, soon());
    client.socket.pause();
    const body = Buffer.alloc(100_000, 'x');
    for (let sent = 0; sent < 300; sent += 1) {
      channel.publish({ ...message(String(sent)), content: body });
      if (sent % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    client.socket.resume();
    await expect.poll(() => client.frames.length, { timeout: 10_000 }).toBe(900);
    const ids = client.frames.filter(({ bytes }) => bytes[0] === 2).map(({ bytes }) => bytes.toString('latin1'));
    expect(ids.every((header, index) => header.includes(`id-${index}\u00ce`))).toBe(true);
  });
});
