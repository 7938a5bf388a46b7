import type { Flow, FlowEdge, FlowNode } from './flow.ts';

/** A flowchart in Mermaid's language: solid lines are what the SDK does, dotted ones what the broker does by itself. */
export function mermaidText(flow: Flow): string {
  const lines = ['flowchart LR', ...flow.exchanges.map(nodeText)];
  for (const { work, rungs, back, deadExchange, deadQueue } of flow.families) {
    const nodes = [work, ...rungs, back, deadExchange, deadQueue].filter((node) => node !== undefined);
    lines.push(...nodes.map(nodeText));
  }
  const edges = [...flow.edges, ...flow.families.flatMap((family) => family.edges)];
  return [...lines, ...edges.map(edgeText)].join('\n');
}

function nodeText({ id, kind, name, note }: FlowNode): string {
  const label = `"${quoted(name)}<br/>${quoted(note)}"`;
  return `  ${id}${kind === 'queue' ? `[(${label})]` : `{{${label}}}`}`;
}

function edgeText({ from, to, label, isByBroker }: FlowEdge): string {
  const arrow = isByBroker ? '-.->' : '-->';
  return `  ${from} ${arrow}${label === '' ? '' : `|"${quoted(label)}"|`} ${to}`;
}

/** Mermaid reads entities with a number sign; everything that it might read otherwise becomes one. */
function quoted(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} .,:=_/-]/gu, (character) => `#${character.codePointAt(0)};`);
}
