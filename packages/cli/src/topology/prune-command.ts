import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { action, type GlobalFlags } from '../action.ts';
import { confirmed } from '../confirmation.ts';
import { brokerLabel, openRabbit } from '../connection.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { collect } from '../flag-values.ts';
import { type Management, neededManagement } from '../management.ts';
import { bindingsOf, exchangesOf, queuesOf } from '../management-views.ts';
import { Output } from '../output.ts';
import { oneLine } from '../printable.ts';
import { Requests } from '../requests.ts';
import { canAsk } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { type Contracts, loadContracts } from './contract-files.ts';
import type { Views } from './found.ts';
import { type Leftover, type Leftovers, leftoversOf } from './leftovers.ts';
import { betweenLooksMs, isRemovable, type PruneAccess, type Pruned, prune } from './prune.ts';

interface PruneFlags {
  readonly contracts: readonly string[];
  readonly gone?: readonly string[];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function addPrune(topology: Command, context: Context): void {
  topology
    .command('prune')
    .summary('remove empty, unused queues that the contracts no longer name')
    .description(
      'Removes retry queues of delays that a contract has no more, and, where --gone names it, all that belonged to a contract which exists no more: only what contracts have declared, what is empty in two looks 10 s apart, and what nobody uses. Shows them, and asks.',
    )
    .requiredOption(
      '--contracts <file>',
      'module that exports every contract that is in use; may be given more than once',
      collect,
    )
    .option(
      '--gone <name>',
      'queue of a contract that exists no more, to be removed with all that belongs to it; may be given more than once',
      collect,
    )
    .option('--dry-run', 'only show them')
    .option('-y, --yes', 'do not ask')
    .action(action<PruneFlags>(context, (flags) => pruneCommand(context, flags)));
}

async function pruneCommand(context: Context, flags: PruneFlags & GlobalFlags): Promise<ExitCode> {
  const output = new Output(context, flags);
  const contracts = await loadContracts(flags.contracts);
  const gone = checkedGone(flags.gone ?? [], contracts);
  const management = neededManagement(context, flags, 'topology prune');
  const lookedAt = performance.now();
  const first = leftoversOf(contracts, gone, await look(management));
  const removable = first.found.filter(isRemovable);
  const isOnlyShown = flags.dryRun === true || (flags.yes !== true && !canAsk(context));
  await output.text(leftoversText(first, gone));
  if (isOnlyShown || removable.length === 0) {
    for (const leftover of first.found) await output.record({ ...leftover, result: 'kept' }, () => '');
    await output.end();
    if (removable.length > 0 && flags.dryRun !== true) context.note('nothing was removed: add --yes to do it');
    return removable.length === 0 ? exitCodes.done : exitCodes.findings;
  }
  const question = `Remove ${removable.length} from ${brokerLabel(context, flags)}?`;
  await confirmed(context, question, flags.yes === undefined ? {} : { yes: flags.yes });
  await wait(Math.max(0, betweenLooksMs - (performance.now() - lookedAt)), undefined, { signal: context.signal });
  await using rabbit = await openRabbit(context, flags, { topology: 'off' });
  await using requests = new Requests(rabbit, context.signal);
  let kept = 0;
  await prune(accessOf(management, requests), { contracts, gone, first }, async (pruned) => {
    if (pruned.result === 'kept') kept += 1;
    await output.record(pruned, () => prunedText(pruned));
  });
  await output.end();
  return kept === 0 ? exitCodes.done : exitCodes.partly;
}

/** A name that is in a contract is a slip, and a dangerous one. */
function checkedGone(gone: readonly string[], contracts: Contracts): readonly string[] {
  const { queues, streams = [] } = contracts;
  const named = gone.find((name) => [...queues, ...streams].some((contract) => contract.name === name));
  if (named === undefined) return gone;
  throw new UsageError(`--gone ${named}: the contracts still name it; take it out of them first`);
}

async function look(management: Management): Promise<Views> {
  const [queues, exchanges, bindings] = await Promise.all([
    queuesOf(management),
    exchangesOf(management),
    bindingsOf(management),
  ]);
  return { queues, exchanges, bindings };
}

function accessOf(management: Management, requests: Requests): PruneAccess {
  const { vhost } = management;
  return {
    look: () => look(management),
    ready: (queue) => requests.ready(queue),
    removeQueue: (name, isConditional) =>
      management.delete(['queues', vhost, name], isConditional ? { 'if-empty': 'true', 'if-unused': 'true' } : {}),
    removeExchange: (name) => management.delete(['exchanges', vhost, name], { 'if-unused': 'true' }),
  };
}

function leftoversText({ found, strangers }: Leftovers, gone: readonly string[]): string {
  const lines = found.map((leftover) => {
    const fate = leftover.keptBecause === undefined ? 'can go' : `stays: ${leftover.keptBecause}`;
    return `${labelOf(leftover)}: ${leftover.why}; ${fate}`;
  });
  if (found.length === 0)
    lines.push(`nothing is left over${gone.length === 0 ? '' : `, and nothing of ${gone.join(', ')} is there`}`);
  if (strangers.length > 0) {
    lines.push(
      `in no contract given, and left alone: ${oneLine(strangers.join(', '))}; --gone NAME removes one that no service uses`,
    );
  }
  return lines.join('\n');
}

function prunedText(pruned: Pruned): string {
  return `${labelOf(pruned)}: ${pruned.result}${pruned.keptBecause === undefined ? '' : `, ${pruned.keptBecause}`}`;
}

function labelOf({ kind, name }: Leftover): string {
  return `${kind} "${oneLine(name)}"`;
}
