import type { Command } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import { openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { collect } from '../flag-values.ts';
import { managementOf } from '../management.ts';
import { Output } from '../output.ts';
import { Requests } from '../requests.ts';
import { applyPlan, comparedByDeclaring } from './apply.ts';
import { loadContracts } from './contract-files.ts';
import { flowOf } from './flow.ts';
import { lookByAmqp, lookByManagement } from './look.ts';
import { mermaidText } from './mermaid.ts';
import { openItems, type Plan, planOf } from './plan.ts';
import { planJson, planText } from './plan-text.ts';
import { addPrune } from './prune-command.ts';
import { svgText } from './svg.ts';
import { wantedBy } from './wanted.ts';

interface ContractFlags {
  readonly contracts: readonly string[];
}

interface ApplyFlags extends ContractFlags {
  readonly skipDifferences?: boolean;
}

interface DiagramFlags extends ContractFlags {
  readonly svg?: boolean;
}

/** What contracts describe, against what stands on the broker. */
export function addTopologyCommands(program: Command, context: Context): void {
  const topology = program
    .command('topology')
    .description('what contracts describe, against what stands on the broker');
  withContracts(topology.command('plan'))
    .summary('what is missing and what differs, and how to get there')
    .description(
      'Shows what contracts want and the broker has not, or has otherwise, and for each difference the steps that lose no message. Changes nothing. Exits with 3 when there is something.',
    )
    .action(action<ContractFlags>(context, (flags) => showPlan(context, flags, false)));
  withContracts(topology.command('check'))
    .summary('as plan, for CI: only what is not right')
    .description('As plan, but says only what is not right. Exits with 3 when there is something.')
    .action(action<ContractFlags>(context, (flags) => showPlan(context, flags, true)));
  withContracts(topology.command('apply'))
    .summary('create what is missing')
    .description(
      'Creates what is missing. Nothing that exists is changed or deleted; where something differs, nothing is created.',
    )
    .option('--skip-differences', 'create what is missing even where something else differs')
    .action(action<ApplyFlags>(context, (flags) => apply(context, flags)));
  withContracts(topology.command('diagram'))
    .summary('draw what contracts describe')
    .description('Draws what contracts describe, in the language of Mermaid.')
    .option('--svg', 'as an SVG picture')
    .action(action<DiagramFlags>(context, (flags) => diagram(context, flags)));
  addPrune(topology, context);
}

function withContracts(command: Command): Command {
  return command.requiredOption(
    '--contracts <file>',
    'module that exports contracts, TypeScript or JavaScript; may be given more than once',
    collect,
  );
}

async function showPlan(context: Context, flags: ContractFlags & GlobalFlags, isBrief: boolean): Promise<ExitCode> {
  const output = new Output(context, flags);
  const wanted = wantedBy(await loadContracts(flags.contracts));
  const management = managementOf(context, flags);
  let plan: Plan;
  if (management === undefined) {
    await using rabbit = await openRabbit(context, flags, { topology: 'off' });
    await using requests = new Requests(rabbit, context.signal);
    plan = planOf(wanted, await lookByAmqp(requests, wanted));
  } else {
    plan = planOf(wanted, await lookByManagement(management));
  }
  await output.value(planJson(plan), () => planText(plan, { isBrief, paint: context.paint }));
  return openItems(plan).length === 0 ? exitCodes.done : exitCodes.findings;
}

async function apply(context: Context, flags: ApplyFlags & GlobalFlags): Promise<ExitCode> {
  const output = new Output(context, flags);
  const wanted = wantedBy(await loadContracts(flags.contracts));
  const management = managementOf(context, flags);
  await using rabbit = await openRabbit(context, flags, { topology: 'off' });
  await using requests = new Requests(rabbit, context.signal);
  const found = management === undefined ? await lookByAmqp(requests, wanted) : await lookByManagement(management);
  const plan = await comparedByDeclaring(requests, planOf(wanted, found));
  const differing = plan.items.filter(({ state }) => state === 'differs');
  if (differing.length > 0 && flags.skipDifferences !== true) {
    context.note(
      'nothing was created, since something differs; --skip-differences creates what is missing all the same',
    );
    const shown = { ...plan, items: differing };
    await output.value(planJson(shown), () => planText(shown, { isBrief: true, paint: context.paint }));
    return exitCodes.findings;
  }
  let created = 0;
  await applyPlan(requests, plan, async (applied) => {
    if (applied.result === 'created') created += 1;
    await output.record(applied, () => (applied.result === 'as wanted' ? '' : `${applied.label}: ${applied.result}`));
  });
  await output.end();
  await output.text(
    `${created} created, ${plan.items.length - created - differing.length} were there, ${differing.length} differ`,
  );
  return differing.length === 0 ? exitCodes.done : exitCodes.findings;
}

async function diagram(context: Context, flags: DiagramFlags & GlobalFlags): Promise<ExitCode> {
  const output = new Output(context, flags);
  const flow = flowOf(await loadContracts(flags.contracts));
  await output.value(flow, () => (flags.svg === true ? svgText(flow) : mermaidText(flow)));
  return exitCodes.done;
}
