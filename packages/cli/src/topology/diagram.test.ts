import { defineExchange, defineQueue, defineStream, exponential } from '@surehop/core';
import { describe, expect, test } from 'vitest';
import { flowOf } from './flow.ts';
import { mermaidText } from './mermaid.ts';
import { svgText } from './svg.ts';
import { boxHeight, characterWidth, layoutOf } from './svg-layout.ts';

const lost = defineExchange('lost', { type: 'fanout' });
const shop = defineExchange('shop', { type: 'topic', alternate: lost });
const orders = defineQueue('orders', {
  retry: { delaysMs: [1_000, 60_000] },
  bindTo: [{ exchange: shop, routingKey: 'order.*' }],
});
const mails = defineQueue('mails', { retry: { delaysMs: [] } });
const events = defineStream('events', { keepForever: true });
const flow = flowOf({ queues: [orders, mails, orders], exchanges: [shop], streams: [events] });
const strange = flowOf({ queues: [defineQueue('a"b<c>&\'#;d')], exchanges: [] });

describe('the flow of contracts', () => {
  test('has each thing once', () => {
    const families = flow.families.flatMap((one) => [
      one.work,
      ...one.rungs,
      ...[one.back, one.deadExchange].filter((node) => node !== undefined),
      one.deadQueue,
    ]);
    const ids = [...flow.exchanges, ...families].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(flow.exchanges.map(({ name }) => name)).toEqual(['shop', 'lost']);
    expect(flow.families.map(({ work, rungs }) => [work.name, rungs.length])).toEqual([
      ['orders', 2],
      ['mails', 0],
      ['events', 0],
    ]);
  });
});

test('a contract whose waits grow leads through the delay network and back', () => {
  const [family] = flowOf({ queues: [defineQueue('mails', { retry: exponential() })], exchanges: [] }).families;
  expect(family?.rungs.map(({ name }) => name)).toEqual(['surehop.delay.v1']);
  expect(family?.edges.filter(({ from, to }) => [from, to].includes('q0n')).map(({ label }) => label)).toEqual([
    'failure',
    'tried again, after at most 10 min',
  ]);
});

describe('as Mermaid', () => {
  test('every line is a node, or leads from a node to a node', () => {
    const lines = mermaidText(flow).split('\n').slice(1);
    const nodes = new Set(lines.flatMap((line) => /^ {2}(\w+)[[{]/.exec(line)?.[1] ?? []));
    const edges = lines.flatMap((line) =>
      [/^ {2}(\w+) -\.?->(?:\|"[^"]*"\|)? (\w+)$/.exec(line)].filter((match) => match !== null),
    );
    expect(nodes.size + edges.length).toBe(lines.length);
    for (const [, from, to] of edges)
      expect([nodes.has(from as string), nodes.has(to as string)]).toEqual([true, true]);
  });

  test('names cannot end a label', () => {
    const [node] = mermaidText(strange).split('\n').slice(1);
    expect(node).toBe('  q0[("a#34;b#60;c#62;#38;#39;#35;#59;d<br/>work queue, quorum")]');
  });
});

describe('as SVG', () => {
  test('boxes do not overlap, and stand inside the picture', () => {
    const { boxes, width, height } = layoutOf(flow);
    for (const [index, one] of boxes.entries()) {
      expect(one.x).toBeGreaterThan(0);
      expect(one.y).toBeGreaterThan(0);
      expect(one.x + one.width).toBeLessThan(width);
      expect(one.y + boxHeight).toBeLessThan(height);
      for (const other of boxes.slice(index + 1)) {
        const isApart =
          one.x + one.width <= other.x ||
          other.x + other.width <= one.x ||
          one.y + boxHeight <= other.y ||
          other.y + boxHeight <= one.y;
        expect(isApart, `${one.node.name} over ${other.node.name}`).toBe(true);
      }
    }
  });

  test('names and labels fit', () => {
    const { boxes, width } = layoutOf(flowOf({ queues: [defineQueue('q'.repeat(200))], exchanges: [] }));
    for (const box of boxes) expect(box.width).toBeGreaterThan(box.node.name.length * characterWidth);
    expect(Math.max(...boxes.map((box) => box.x + box.width))).toBeLessThan(width);
  });

  test('lines begin and end at boxes, and none runs through one', () => {
    const { boxes, lines } = layoutOf(flow);
    const inside = (x: number, y: number): boolean =>
      boxes.some((box) => x > box.x + 1 && x < box.x + box.width - 1 && y > box.y + 1 && y < box.y + boxHeight - 1);
    for (const { edge, points } of lines) {
      for (const [index, from] of points.slice(0, -1).entries()) {
        const to = points[index + 1] as { x: number; y: number };
        const steps = Array.from({ length: 99 }, (_, step) => (step + 1) / 100);
        const through = steps.filter((part) =>
          inside(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part),
        );
        expect(through, `${edge.from} to ${edge.to}`).toEqual([]);
      }
    }
  });

  test('names are text, not markup', () => {
    const text = svgText(strange);
    expect(text).not.toContain('b<c>');
    expect(text).toContain('a&#34;b&#60;c&#62;&#38;&#39;#;d');
  });
});
