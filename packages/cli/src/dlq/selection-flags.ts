import type { Selection } from '@surehop/dead-letters';
import type { Command } from 'commander';
import { collect } from '../flag-values.ts';
import { UsageError } from '../usage-error.ts';

export interface SelectionFlags {
  readonly id?: readonly string[];
  readonly group?: string;
  readonly filter?: string;
}

export function withSelection(command: Command): Command {
  return command
    .option('--id <id>', 'the message of this id; may be given more than once', collect)
    .option('--group <key>', 'the messages of this group, as `dlq groups` tells it')
    .option(
      '--filter <filter>',
      'the messages that a filter takes, such as \'error.name = "TimeoutError" and attempts >= 3\'',
    );
}

export function withDeliveryCount(command: Command): Command {
  return command.option(
    '--accept-delivery-count',
    'look also where, before RabbitMQ 4.3, each look uses up one of the deliveries that a queue allows',
  );
}

/**
 * @returns all where nothing was selected
 * @throws {UsageError} more than one of the three, or an empty one, which an unset variable of a script would give
 */
export function selectionOf({ id, group, filter }: SelectionFlags): Selection {
  const given = [id, group, filter].filter((one) => one !== undefined);
  if (given.length > 1) throw new UsageError('give one of --id, --group and --filter');
  if (group === '' || filter?.trim() === '' || id?.includes('')) {
    throw new UsageError('an empty --id, --group or --filter selects nothing; leave it out to select all');
  }
  if (id !== undefined) return { ids: id };
  if (group !== undefined) return { group };
  return filter === undefined ? 'all' : { filter };
}

/** For questions: `, of group 0123456789ab`; nothing where all are selected. */
export function selectionText(selection: Selection): string {
  if (selection === 'all') return '';
  if ('ids' in selection) return `, by ${selection.ids.length === 1 ? 'its id' : 'their ids'}`;
  return 'group' in selection ? `, of group ${selection.group}` : `, that match ${selection.filter}`;
}
