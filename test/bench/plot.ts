import { type Figure, figures } from './figures.ts';
import { shortNumber } from './numbers.ts';
import type { Spread } from './statistics.ts';
import type { Summary } from './summary.ts';
import type { Workload } from './workloads.ts';

const [width, nameWidth, valueWidth, rowHeight, gap] = [960, 190, 90, 24, 40];
const [ink, ours, others, whisker] = ['#1f2328', '#0969da', '#8c959f', '#57606a'];

/** Bars of the medians with a whisker from minimum to maximum: the workload's first figure, and CPU where it has it. */
export function plotOf(workload: Workload, summaries: readonly Summary[]): string {
  const [first] = workload.figures;
  const hasCpu = first !== 'cpuUsPerMessage' && workload.figures.includes('cpuUsPerMessage');
  const panels: Figure[] = [first as Figure, ...(hasCpu ? (['cpuUsPerMessage'] as const) : [])];
  const panelHeight = summaries.length * rowHeight + gap;
  const height = panels.length * panelHeight + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" role="img">`,
    `<title>${escaped(workload.title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="12" y="24" font-size="16" fill="${ink}">${escaped(workload.title)}</text>`,
    ...panels.flatMap((figure, index) => panel(figure, summaries, 40 + index * panelHeight)),
    '</svg>',
    '',
  ].join('\n');
}

function panel(figure: Figure, summaries: readonly Summary[], top: number): string[] {
  const longest = Math.max(...summaries.map(({ spreads }) => spreads[figure]?.max ?? 0), Number.MIN_VALUE);
  const scale = (width - nameWidth - valueWidth) / longest;
  return [
    `<text x="12" y="${top + 18}" fill="${ink}" font-weight="bold">${escaped(figures[figure].head)}</text>`,
    ...summaries.flatMap(({ library, spreads, error }, index) => {
      const y = top + gap - 12 + index * rowHeight;
      const name = `<text x="${nameWidth - 8}" y="${y + 15}" text-anchor="end" fill="${ink}">${escaped(library)}</text>`;
      const spread = spreads[figure];
      if (spread !== undefined) return [name, ...bar(spread, library, y, scale)];
      const reason = error === undefined ? 'not measured' : 'failed';
      return [name, `<text x="${nameWidth}" y="${y + 15}" fill="${ink}">${reason}</text>`];
    }),
  ];
}

function bar({ median, min, max }: Spread, library: string, y: number, scale: number): string[] {
  const at = (value: number): string => (nameWidth + Math.max(value, 0) * scale).toFixed(1);
  const colour = library.startsWith('surehop') ? ours : others;
  const length = (Math.max(median, 0) * scale).toFixed(1);
  return [
    `<rect x="${nameWidth}" y="${y + 3}" width="${length}" height="${rowHeight - 8}" fill="${colour}"/>`,
    `<line x1="${at(min)}" x2="${at(max)}" y1="${y + 11}" y2="${y + 11}" stroke="${whisker}" stroke-width="2"/>`,
    `<text x="${width - 8}" y="${y + 15}" text-anchor="end" fill="${ink}">${shortNumber(median)}</text>`,
  ];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
