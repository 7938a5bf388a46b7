import type { Flow } from './flow.ts';
import { type Box, boxHeight, characterWidth, type Line, layoutOf } from './svg-layout.ts';

const style = [
  'text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1b1f24; text-anchor: middle }',
  '.note { fill: #57606a }',
  '.label { fill: #57606a }',
  '.behind { fill: #ffffff }',
  '.queue { fill: #ddf4ff; stroke: #0969da }',
  '.exchange { fill: #fff8c5; stroke: #9a6700 }',
  '.line { fill: none; stroke: #57606a }',
  '.broker { stroke-dasharray: 4 3 }',
].join('\n');

/** A picture that stands by itself. Solid lines are what the SDK does, dashed ones what the broker does by itself. */
export function svgText(flow: Flow): string {
  const { width, height, boxes, lines } = layoutOf(flow);
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img">`,
    `<title>${escaped(`Topology of ${flow.families.map(({ work }) => work.name).join(', ')}`)}</title>`,
    `<style>${style}</style>`,
    '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>',
    '<rect class="behind" width="100%" height="100%"/>',
    ...lines.map(lineText),
    ...boxes.map(boxText),
    ...lines.map(labelText),
    '</svg>',
  ].join('\n');
}

function boxText({ node, x, y, width }: Box): string {
  const corners = node.kind === 'queue' ? 6 : 20;
  const centre = round(x + width / 2);
  return [
    `<rect class="${node.kind}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${boxHeight}" rx="${corners}"/>`,
    `<text x="${centre}" y="${round(y + 17)}">${escaped(node.name)}</text>`,
    `<text class="note" x="${centre}" y="${round(y + 32)}">${escaped(node.note)}</text>`,
  ].join('\n');
}

function lineText({ edge, points }: Line): string {
  const path = points.map(({ x, y }) => `${round(x)},${round(y)}`).join(' ');
  return `<polyline class="line${edge.isByBroker ? ' broker' : ''}" points="${path}" marker-end="url(#end)"/>`;
}

/** Above the lines, on a ground of its own. */
function labelText({ edge, labelAt }: Line): string {
  if (edge.label === '') return '';
  const width = edge.label.length * characterWidth + 6;
  return [
    `<rect class="behind" x="${round(labelAt.x - width / 2)}" y="${round(labelAt.y - 8)}" width="${round(width)}" height="16"/>`,
    `<text class="label" x="${round(labelAt.x)}" y="${round(labelAt.y + 4)}">${escaped(edge.label)}</text>`,
  ].join('\n');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Names may hold anything. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
