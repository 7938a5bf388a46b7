import type { Flow, FlowEdge, FlowFamily, FlowNode } from './flow.ts';

export interface Box {
  readonly node: FlowNode;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

export interface Line {
  readonly edge: FlowEdge;
  /** Corners, first to last. */
  readonly points: readonly Point[];
  /** The middle of its label. */
  readonly labelAt: Point;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

export const boxHeight = 40;
/** Of one character of a name, in a font of 12 px in which all have one width. */
export const characterWidth = 7.3;

const rowHeight = 58;
const margin = 30;
const padding = 12;

/**
 * Four columns: exchanges, work queues, rungs and the dead-letter exchange, the way back and the dead letters. Families
 * stand below each other, so that no line crosses another family's boxes.
 */
export function layoutOf(flow: Flow): Layout {
  const columns = columnsOf(flow);
  const placed = placeFamilies(flow.families, columns);
  const height = Math.max(placed.height, margin * 2 + flow.exchanges.length * rowHeight);
  const top = (height - flow.exchanges.length * rowHeight) / 2;
  const exchanges = flow.exchanges.map((node, index) => box(node, columns, 0, top + (index + 0.5) * rowHeight));
  const boxes = [...exchanges, ...placed.boxes];
  const byId = new Map(boxes.map((one) => [one.node.id, one]));
  const outside = flow.edges.flatMap((edge) => outsideLine(edge, byId));
  return { width: columns.width, height, boxes, lines: [...outside, ...placed.lines] };
}

interface Columns {
  readonly x: readonly number[];
  readonly widths: readonly number[];
  readonly width: number;
}

function columnsOf({ exchanges, families, edges }: Flow): Columns {
  const widths = [
    widest(exchanges),
    widest(families.map(({ work }) => work)),
    widest(families.flatMap(({ rungs, deadExchange }) => [...rungs, ...there(deadExchange)])),
    widest(families.flatMap(({ back, deadQueue }) => [...there(back), deadQueue])),
  ];
  const inner = families.flatMap((family) => family.edges);
  const gaps = [exchanges.length === 0 ? 0 : gapFor(edges), gapFor(inner), gapFor(inner), 0];
  const x: number[] = [];
  let at = margin + (edges.some(({ to }) => exchanges.some(({ id }) => id === to)) ? 90 : 0);
  for (const [index, width] of widths.entries()) {
    x.push(at);
    at += width + (gaps[index] ?? 0);
  }
  return { x, widths, width: at + margin };
}

function there<T>(one: T | undefined): T[] {
  return one === undefined ? [] : [one];
}

function widest(nodes: readonly FlowNode[]): number {
  const lengths = nodes.map(({ name, note }) => Math.max(name.length, note.length));
  return lengths.length === 0 ? 0 : Math.max(...lengths) * characterWidth + 2 * padding;
}

function gapFor(edges: readonly FlowEdge[]): number {
  return Math.max(0, ...edges.map(({ label }) => label.length)) * characterWidth + 60;
}

function placeFamilies(
  families: readonly FlowFamily[],
  columns: Columns,
): { boxes: Box[]; lines: Line[]; height: number } {
  const boxes: Box[] = [];
  const lines: Line[] = [];
  let top = margin;
  for (const family of families) {
    const placed = placeFamily(family, columns, top);
    boxes.push(...placed.boxes);
    lines.push(...placed.lines);
    // One row above for the way back, one each below for the dead-letter exchange and queue.
    top += (Math.max(1, family.rungs.length) + 3) * rowHeight;
  }
  return { boxes, lines, height: top + margin };
}

function placeFamily(family: FlowFamily, columns: Columns, top: number): { boxes: Box[]; lines: Line[] } {
  const row = (index: number): number => top + (index + 0.5) * rowHeight;
  const rows = Math.max(1, family.rungs.length);
  const middle = (row(1) + row(rows)) / 2;
  const parts = {
    work: box(family.work, columns, 1, middle),
    rungs: family.rungs.map((node, index) => box(node, columns, 2, row(index + 1))),
    back: family.back && box(family.back, columns, 3, middle),
    deadExchange: family.deadExchange && box(family.deadExchange, columns, 2, row(rows + 1)),
    deadQueue: box(family.deadQueue, columns, 3, row(rows + 2)),
  };
  const boxes = [parts.work, ...parts.rungs, ...there(parts.back), ...there(parts.deadExchange), parts.deadQueue];
  const byId = new Map(boxes.map((one) => [one.node.id, one]));
  const lines = family.edges.flatMap((edge) => {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
    return from === undefined || to === undefined ? [] : [familyLine(edge, from, to, { parts, aboveY: row(0) + 10 })];
  });
  return { boxes, lines };
}

interface FamilyPlaces {
  readonly parts: {
    readonly work: Box;
    readonly back: Box | undefined;
    readonly deadExchange: Box | undefined;
    readonly deadQueue: Box;
  };
  /** Where the way back runs. */
  readonly aboveY: number;
}

function familyLine(edge: FlowEdge, from: Box, to: Box, { parts, aboveY }: FamilyPlaces): Line {
  const { work, back, deadExchange, deadQueue } = parts;
  if (from === back && to === work) {
    const [fromX, toX] = [centreX(from), centreX(work)];
    const points = [
      { x: fromX, y: from.y },
      { x: fromX, y: aboveY },
      { x: toX, y: aboveY },
      { x: toX, y: work.y },
    ];
    return { edge, points, labelAt: { x: (fromX + toX) / 2, y: aboveY } };
  }
  if (from === work && to === deadQueue) return corner(edge, from, to, { dx: -18, dy: 8 });
  if (from === work && to === deadExchange) return corner(edge, from, to, { dx: 18, dy: 0 });
  if (from === deadExchange && to === deadQueue) return corner(edge, from, to, { dx: 0, dy: -8 });
  if (from === back && to === deadExchange) {
    const x = centreX(from);
    const y = centreY(to);
    const end = { x: right(to), y };
    return { edge, points: [{ x, y: from.y + boxHeight }, { x, y }, end], labelAt: { x: (x + end.x) / 2, y } };
  }
  return straight(edge, from, to);
}

/** Down from the first, then right into the second. */
function corner(edge: FlowEdge, from: Box, to: Box, { dx, dy }: { dx: number; dy: number }): Line {
  const x = centreX(from) + dx;
  const y = centreY(to) + dy;
  const labelAt = { x: right(from) + (edge.label.length * characterWidth) / 2 + 12, y };
  return {
    edge,
    points: [
      { x, y: from.y + boxHeight },
      { x, y },
      { x: to.x, y },
    ],
    labelAt,
  };
}

function outsideLine(edge: FlowEdge, byId: ReadonlyMap<string, Box>): Line[] {
  const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
  if (from === undefined || to === undefined) return [];
  if (from.x !== to.x) return [straight(edge, from, to)];
  // Both stand in the first column: around the left side.
  const x = from.x - 50;
  const [fromY, toY] = [centreY(from), centreY(to) - 8];
  const points = [
    { x: from.x, y: fromY },
    { x, y: fromY },
    { x, y: toY },
    { x: to.x, y: toY },
  ];
  return [{ edge, points, labelAt: { x, y: (fromY + toY) / 2 } }];
}

function straight(edge: FlowEdge, from: Box, to: Box): Line {
  const start = { x: right(from), y: centreY(from) };
  const end = { x: to.x, y: centreY(to) };
  // Nearer to its end, where the lines of one box are apart.
  const labelAt = { x: start.x + (end.x - start.x) * 0.58, y: start.y + (end.y - start.y) * 0.58 };
  return { edge, points: [start, end], labelAt };
}

function box(node: FlowNode, { x, widths }: Columns, column: number, centre: number): Box {
  return { node, x: x[column] ?? 0, y: centre - boxHeight / 2, width: widths[column] ?? 0 };
}

function centreX({ x, width }: Box): number {
  return x + width / 2;
}

function centreY({ y }: Box): number {
  return y + boxHeight / 2;
}

function right({ x, width }: Box): number {
  return x + width;
}
