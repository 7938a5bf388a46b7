import assert from 'node:assert/strict';
import { eventually, type StoredMessage } from '@surehop/testing';
import type { Options } from 'amqplib';
import { z } from 'zod';
import { send } from '../../consuming/stage.ts';
import type { Scenario } from '../scenario.ts';
import type { Message } from '../traffic.ts';

/** As another client would publish it. */
interface Foreign {
  readonly what: string;
  readonly body: string | Uint8Array;
  readonly options?: Options.Publish;
}

const json = { contentType: 'application/json' };
const body = (number: number): string => JSON.stringify({ number });

/** Nobody can handle these. */
const bad: readonly Foreign[] = [
  { what: 'no JSON', body: '{"number":', options: json },
  { what: 'no UTF-8', body: Buffer.from([0xff, 0x00, 0xfe, 0x7b]), options: json },
  { what: 'nothing', body: '', options: json },
  { what: 'another content type', body: '<number>1</number>', options: { contentType: 'application/xml' } },
  { what: 'JSON that does not fit', body: '{"number":"seven"}', options: json },
  { what: 'null', body: 'null', options: {} },
  { what: 'a bad body with a bad x-death', body: 'x', options: { headers: { 'x-death': 'nope' } } },
  { what: 'a bad body with bad headers of ours', body: 'y', options: { headers: bogusHeaders() } },
];

/** These are as good as any; whatever their headers say, only the attempts in ours are counted. */
const good: readonly (Foreign & { readonly number: number; readonly attempt: number })[] = [
  { what: 'no properties at all', options: {}, attempt: 1 },
  { what: 'x-death that is a text', options: { headers: { 'x-death': 'nope' } }, attempt: 1 },
  { what: 'x-death of numbers', options: { headers: { 'x-death': [1, 2] } }, attempt: 1 },
  { what: 'stale x-death', options: { headers: { 'x-death': [death('work', 99)] } }, attempt: 1 },
  { what: 'stale counts', options: { headers: { 'x-delivery-count': 49, 'x-acquired-count': 49 } }, attempt: 1 },
  { what: 'counts that are none', options: { headers: { 'x-delivery-count': 'many' } }, attempt: 1 },
  { what: 'headers of ours that make no sense', options: { headers: bogusHeaders() }, attempt: 1 },
  { what: 'an attempt as a text', options: { headers: { 'surehop-attempt': '1' } }, attempt: 2 },
  { what: 'an attempt as bytes', options: { headers: { 'surehop-attempt': Buffer.from('1') } }, attempt: 2 },
  { what: 'an expiration and a reply-to', options: { expiration: '600000', replyTo: 'nobody' }, attempt: 1 },
].map((message, index) => ({ ...message, number: -1 - index, body: body(-1 - index) }));

function bogusHeaders(): Record<string, unknown> {
  return {
    'surehop-attempt': 'banana',
    'surehop-history': 'long ago',
    'surehop-not-before': 'tomorrow',
    'surehop-first-failed-at': 7,
    'surehop-queue': { a: 'table' },
    'surehop-error-stack': [1, null, true],
  };
}

function death(queue: string, count: number): Record<string, unknown> {
  return {
    queue,
    reason: 'expired',
    count,
    exchange: '',
    'routing-keys': [queue],
    time: { '!': 'timestamp', value: 1 },
  };
}

function assertKept(dead: readonly StoredMessage[]): void {
  for (const { what, body: sent, options } of bad) {
    const found = dead.find(({ content }) => content.equals(Buffer.from(sent)));
    assert(found !== undefined, `${what} is not in the dead-letter queue with its bytes`);
    const reason = what === 'null' || what === 'JSON that does not fit' ? 'invalid' : 'undecodable';
    assert.equal(found.headers['surehop-reason'], reason, what);
    assert.equal(found.properties.content_type, options?.contentType, what);
    assert.equal(found.headers['x-death'], undefined, what);
  }
  assert.equal(dead.length, bad.length);
}

/** What other clients put into our queues. */
export const foreignMessageScenarios: readonly Scenario[] = [
  {
    name: 'foreign-messages',
    situation: 'other clients publish broken bodies and headers among good messages',
    types: ['quorum', 'classic'],
    duplicates: 'none',
    // Red without the `catch` around `codec.decode` in packages/core/src/schema.ts, and without `\d` in `count` of
    // packages/core/src/failure-record.ts.
    async run(stage) {
      const attempts = new Map<number, number[]>();
      const handle = ({ body: { number }, attempt }: Message): void => {
        if (number > 0) return;
        const earlier = attempts.get(number) ?? [];
        attempts.set(number, [...earlier, attempt]);
        if (earlier.length === 0) throw new Error('once more, so that it goes through a rung');
      };
      const schema = z.object({ number: z.number(), padding: z.string().optional() }) as never;
      const traffic = await stage.traffic({ handle, contract: { schema } });
      for (const { body: sent, options } of [...bad, ...good]) {
        await send(stage.vhost, traffic.queue, [sent], options);
      }
      await eventually(() => {
        for (const { what, number, attempt } of good) {
          assert.deepEqual(attempts.get(number), [attempt, attempt + 1], what);
        }
      }, 15_000);
      await eventually(async () => assert.equal(await stage.vhost.messages('work.dead-letter'), bad.length), 15_000);
      assertKept(await stage.vhost.get('work.dead-letter'));
      await traffic.flows();
      assert.equal(traffic.losses, 0);
      const lost = stage.lines.filter(({ message }) => /lost its subscription|went wrong|one at a time/.test(message));
      assert.deepEqual(lost, []);
      const figures = await traffic.finish();
      assert.deepEqual(figures.codes, {});
      return figures;
    },
  },
];
