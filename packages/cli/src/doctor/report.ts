import { oneLine } from '../printable.ts';
import type { Paint } from '../terminal.ts';
import { checks, type Finding, type Severity, type Skipped } from './finding.ts';
import type { PermissionsView } from './snapshot.ts';

export interface Report {
  /** Version and place of the broker, for people. */
  readonly broker: string;
  readonly findings: readonly Finding[];
  readonly skipped: readonly Skipped[];
  /** Just enough for what the contracts describe; undefined without contracts. */
  readonly sufficientPermissions: PermissionsView | undefined;
}

const order: readonly Severity[] = ['error', 'warning', 'note'];
const colours = { error: 'red', warning: 'yellow', note: 'cyan' } as const;

/** The worst first, and in the order of the checks. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity, check }: Finding): number =>
    order.indexOf(severity) * checks.length + checks.indexOf(check);
  return findings.toSorted((one, other) => rank(one) - rank(other));
}

export function reportText(report: Report, paint: Paint): string {
  const lines = [report.broker, ''];
  for (const { severity, check, what, means, todo } of report.findings) {
    lines.push(`${paint(colours[severity], severity.padEnd(7))}  ${check}: ${oneLine(what)}`);
    lines.push(`         it means: ${means}`, `         to do: ${oneLine(todo)}`, '');
  }
  const { sufficientPermissions: enough, skipped } = report;
  if (enough !== undefined) {
    lines.push('enough for a service that declares, publishes and consumes:');
    lines.push(`  configure  ${enough.configure}`, `  write      ${enough.write}`, `  read       ${enough.read}`, '');
  }
  if (skipped.length > 0) lines.push('not looked at:', ...skipped.map(({ check, why }) => `  ${check}: ${why}`), '');
  return [...lines, summary(report)].join('\n');
}

function summary({ findings, skipped }: Report): string {
  const count = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
  const parts = order.map((severity) => `${count(severity)} ${severity}${count(severity) === 1 ? '' : 's'}`);
  const made = checks.length - new Set(skipped.map(({ check }) => check)).size;
  return `${made} of ${checks.length} checks made: ${parts.join(', ')}`;
}
