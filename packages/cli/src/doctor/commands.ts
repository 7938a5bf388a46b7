import { setTimeout as wait } from 'node:timers/promises';
import { isSurehopError, type Rabbit } from '@surehop/core';
import { parseHosts } from '@surehop/core/internal';
import type { Command } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import { brokerLabel, brokerUrl, openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { failureText } from '../failure.ts';
import { collect } from '../flag-values.ts';
import { type Management, ManagementError, managementOf } from '../management.ts';
import { Output } from '../output.ts';
import { Requests } from '../requests.ts';
import { loadContracts } from '../topology/contract-files.ts';
import { lookByAmqp } from '../topology/look.ts';
import { planOf } from '../topology/plan.ts';
import { type Wanted, wantedBy } from '../topology/wanted.ts';
import { announcedVersion, publishFindings } from './amqp-look.ts';
import { alarm, anyResource, versionFindings } from './broker-checks.ts';
import { betweenLooksMs } from './delay-checks.ts';
import {
  contractFindings,
  type Examination,
  examined,
  examinedAgain,
  needsSecondLook,
  onlyByManagement,
} from './examination.ts';
import type { Finding } from './finding.ts';
import { sufficientPermissions } from './permission-checks.ts';
import { type Report, reportText, sorted } from './report.ts';
import { takeSnapshot } from './snapshot.ts';

interface DoctorFlags {
  readonly contracts?: readonly string[];
}

/** Whether all is well between the broker, its queues and what contracts promise. */
export function addDoctorCommand(program: Command, context: Context): void {
  program
    .command('doctor')
    .summary('look for what breaks promises')
    .description(
      'Looks for what breaks promises, between the broker, its queues and what contracts describe, and says what it means for messages and what to do. Changes nothing. Exits with 3 when there is an error or a warning, with 1 when the broker could not be reached.',
    )
    .option(
      '--contracts <file>',
      'module that exports contracts, to look at their queues and permissions; may be given more than once',
      collect,
    )
    .action(action<DoctorFlags>(context, (flags) => doctor(context, flags)));
}

async function doctor(context: Context, flags: DoctorFlags & GlobalFlags): Promise<ExitCode> {
  const output = new Output(context, flags);
  const wanted = flags.contracts === undefined ? [] : wantedBy(await loadContracts(flags.contracts));
  const management = managementOf(context, flags);
  const byAmqp = await examinedByAmqp(context, flags, wanted, management === undefined);
  const byManagement =
    management === undefined ? undefined : await examinedByManagement(context, flags, { management, wanted });
  const parts: readonly Examination[] = [byAmqp, byManagement ?? { findings: [], skipped: onlyByManagement }];
  const report: Report = {
    broker: `${byAmqp.version === '' ? 'a broker' : `RabbitMQ ${byAmqp.version}`} at ${brokerLabel(context, flags)}`,
    findings: withoutDoubles(sorted(parts.flatMap(({ findings }) => findings))),
    skipped: parts.flatMap(({ skipped }) => skipped),
    sufficientPermissions: wanted.length === 0 ? undefined : sufficientPermissions(wanted),
  };
  const text = (): string => context.secrets.redacted(reportText(report, context.paint));
  await output.value(report, text);
  if (!byAmqp.isConnected) return exitCodes.failed;
  return report.findings.every(({ severity }) => severity === 'note') ? exitCodes.done : exitCodes.findings;
}

interface AmqpExamination extends Examination {
  readonly isConnected: boolean;
  readonly version: string;
}

/** @param isAll nobody else looks: contracts are looked for as well, and the version is told */
async function examinedByAmqp(
  context: Context,
  flags: GlobalFlags,
  wanted: readonly Wanted[],
  isAll: boolean,
): Promise<AmqpExamination> {
  let rabbit: Rabbit;
  try {
    rabbit = await openRabbit(context, flags, { topology: 'off' });
  } catch (thrown) {
    if (!isSurehopError(thrown) || thrown.code === 'SUREHOP_OPTION_INVALID') throw thrown;
    const todo = `see docs/errors.md#${thrown.code.toLowerCase()}`;
    const means = 'no service with this URL can publish or consume';
    const finding: Finding = { severity: 'error', check: 'connection', what: failureText(thrown), means, todo };
    return { findings: [finding], skipped: [], isConnected: false, version: '' };
  }
  try {
    const version = announcedVersion(rabbit);
    const findings = await publishFindings(rabbit);
    if (!isAll) return { findings, skipped: [], isConnected: true, version };
    await using requests = new Requests(rabbit, context.signal);
    const plan = planOf(wanted, await lookByAmqp(requests, wanted));
    const why = 'in part: only whether entities exist; the rest needs the management API';
    return {
      findings: [...findings, ...versionFindings(version), ...contractFindings(plan)],
      skipped: [
        { check: 'contracts', why: wanted.length === 0 ? 'none were given: --contracts' : why },
        permissionsByAmqp,
      ],
      isConnected: true,
      version,
    };
  } finally {
    await rabbit.close();
  }
}

const permissionsByAmqp = {
  check: 'permissions',
  why: 'in part: only whether this user may publish to queues; the rest needs the management API',
} as const;

async function examinedByManagement(
  context: Context,
  flags: GlobalFlags,
  { management, wanted }: { readonly management: Management; readonly wanted: readonly Wanted[] },
): Promise<Examination> {
  const user = parseHosts(brokerUrl(context, flags))[0]?.username ?? '';
  try {
    const lookedAt = performance.now();
    const first = await takeSnapshot(management, user);
    if (!needsSecondLook(first, wanted)) return examined(first, wanted, user);
    context.note('there are messages in delay queues: looking once more in some seconds');
    await wait(Math.max(0, betweenLooksMs - (performance.now() - lookedAt)), undefined, { signal: context.signal });
    const second = await takeSnapshot(management, user);
    const stuck = examinedAgain(first, second, wanted, Math.round(performance.now() - lookedAt));
    // Of one moment, and the later: each queue tells its counts and its policy some seconds late, by itself.
    const { findings, skipped } = examined(second, wanted, user);
    return { findings: [...findings, ...stuck], skipped };
  } catch (thrown) {
    if (!(thrown instanceof ManagementError)) throw thrown;
    const means = 'nothing for messages; what only it tells was not looked at';
    const finding: Finding = {
      severity: 'warning',
      check: 'management API',
      what: thrown.message,
      means,
      todo: 'give a --management-url that answers',
    };
    return { findings: [finding], skipped: onlyByManagement };
  }
}

/** Of what two looks tell, the worse stays; of an alarm, that with its node. */
function withoutDoubles(findings: readonly Finding[]): Finding[] {
  const unique = findings.filter(({ what }, index) => findings.findIndex((one) => one.what === what) === index);
  const general = alarm(anyResource).what;
  const isTold = unique.some(
    ({ check, severity, what }) => check === 'alarms' && severity === 'error' && what !== general,
  );
  return isTold ? unique.filter(({ what }) => what !== general) : unique;
}
