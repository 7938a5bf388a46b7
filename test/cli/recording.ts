import type { Span, TerminalImage } from './terminal-image.ts';

export interface Frame {
  readonly spans: readonly (readonly Span[])[];
  /** How long it is shown, in milliseconds. */
  readonly forMs: number;
}

const colours: Readonly<Record<number, string>> = {
  30: '#484f58',
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  34: '#79c0ff',
  35: '#d2a8ff',
  36: '#56d4dd',
  37: '#e6edf3',
  90: '#8b949e',
};
const characterWidth = 8.4;
const lineHeight = 18;
const padding = 14;

/** What a program showed at a terminal, as a picture that moves; where pictures do not move, its last frame. */
export class Recording {
  readonly #frames: Frame[] = [];
  readonly #title: string;

  /** @param title for those who cannot see it */
  constructor(title: string) {
    this.#title = title;
  }

  add(image: TerminalImage, forMs: number): void {
    this.#frames.push({ spans: image.spans, forMs });
  }

  get svg(): string {
    const used = this.#frames.map(({ spans }) => spans.map(lineEnd));
    const columns = Math.max(1, ...used.flat());
    const rows = Math.max(1, ...used.map((ends) => ends.findLastIndex((end) => end > 0) + 1));
    const width = Math.ceil(columns * characterWidth + 2 * padding);
    const height = rows * lineHeight + 2 * padding;
    const totalMs = this.#frames.reduce((total, { forMs }) => total + forMs, 0);
    let startMs = 0;
    const shown = this.#frames.map((frame, index) => {
      const group = frameGroup(frame, { index, rows, isLast: index === this.#frames.length - 1 });
      const keyframes = frameStyle(index, startMs, frame.forMs, totalMs);
      startMs += frame.forMs;
      return { group, keyframes };
    });
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" xml:space="preserve">`,
      `<title>${escaped(this.#title)}</title>`,
      '<style>',
      'text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre }',
      ...shown.map(({ keyframes }) => keyframes),
      '@media (prefers-reduced-motion) { .frame { animation: none } }',
      '</style>',
      '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
      '<g fill="#e6edf3">',
      ...shown.map(({ group }) => group),
      '</g>',
      '</svg>',
      '',
    ].join('\n');
  }
}

function frameStyle(index: number, startMs: number, forMs: number, totalMs: number): string {
  const percent = (ms: number): string => `${((ms * 100) / totalMs).toFixed(2)}%`;
  const end = startMs + forMs;
  const before = startMs === 0 ? '' : '0% { opacity: 0 } ';
  const after = end === totalMs ? '' : ` ${percent(end)} { opacity: 0 }`;
  return [
    `@keyframes f${index} { ${before}${percent(startMs)} { opacity: 1 }${after} 100% { opacity: ${end === totalMs ? 1 : 0} } }`,
    `.f${index} { animation: f${index} ${totalMs / 1_000}s step-end infinite }`,
  ].join('\n');
}

interface FramePlace {
  readonly index: number;
  readonly rows: number;
  /** Shown where nothing moves. */
  readonly isLast: boolean;
}

function frameGroup({ spans }: Frame, { index, rows, isLast }: FramePlace): string {
  const lines = spans.slice(0, rows).flatMap((line, row) => {
    const end = lineEnd(line);
    if (end === 0) return [];
    let column = 0;
    const pieces = line.flatMap((span) => {
      const from = column;
      column += span.text.length;
      const text = span.text.slice(0, Math.max(0, end - from));
      return text.trim() === '' ? [] : [pieceText(span, text, from)];
    });
    return [`<text y="${padding + (row + 0.75) * lineHeight}">${pieces.join('')}</text>`];
  });
  return `<g class="frame f${index}"${isLast ? '' : ' opacity="0"'}>\n${lines.join('\n')}\n</g>`;
}

function pieceText({ colour, isBold, isDim }: Span, text: string, column: number): string {
  const shade = colour === undefined ? (isDim ? '#8b949e' : undefined) : colours[colour];
  const look = `${shade === undefined ? '' : ` fill="${shade}"`}${isBold ? ' font-weight="bold"' : ''}`;
  const x = padding + column * characterWidth;
  // The width is said, so that columns stand below each other in any font.
  const width = (text.length * characterWidth).toFixed(1);
  return `<tspan x="${x.toFixed(1)}" textLength="${width}"${look}>${escaped(text)}</tspan>`;
}

/** Columns up to the last character. */
function lineEnd(line: readonly Span[]): number {
  return line
    .map(({ text }) => text)
    .join('')
    .trimEnd().length;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
