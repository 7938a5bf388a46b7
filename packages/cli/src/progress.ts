import type { Context } from './context.ts';
import { columnsOf } from './terminal.ts';

export interface Step {
  readonly done: number;
  /** Undefined while nobody knows it. */
  readonly total?: number | undefined;
  /** What is counted now. @default what the meter was started with */
  readonly label?: string;
  /** Where one work follows another, which this is of: rate and time left are its own. */
  readonly phase?: string;
}

/** Shows on standard error how far something is. At a terminal a bar, else a line now and then. */
export interface ProgressMeter extends Disposable {
  update(step: Step): void;
  /** Takes the bar away. Safe to call twice. */
  finish(): void;
}

const redrawMs = 200;
const lineMs = 10_000;
const barColumns = 20;

/** @param label what is being counted, for example `replayed` */
export function startProgress(context: Context, label: string, now: () => number = Date.now): ProgressMeter {
  const { stderr } = context;
  const columns = columnsOf(stderr);
  let phase = { startedAt: now(), doneBefore: 0 };
  let step: Step | undefined;
  let isDrawn = false;
  const show = (): void => {
    if (step === undefined) return;
    const line = progressLine(step.label ?? label, step, now() - phase.startedAt, phase.doneBefore);
    if (columns === undefined) context.note(line);
    else stderr.write(`\r\u001b[2K${line.slice(0, columns - 1)}`);
    isDrawn = columns !== undefined;
  };
  const timer = setInterval(show, columns === undefined ? lineMs : redrawMs).unref();
  const finish = (): void => {
    clearInterval(timer);
    if (isDrawn) stderr.write('\r\u001b[2K');
    isDrawn = false;
  };
  return {
    update: (latest) => {
      if (step !== undefined && latest.phase !== step.phase) phase = { startedAt: now(), doneBefore: latest.done };
      step = latest;
    },
    finish,
    [Symbol.dispose]: finish,
  };
}

/**
 * `replayed [#####               ] 25% 250/1,000, 125/s, 6 s left`
 *
 * @param doneBefore what was done when the time began
 */
export function progressLine(label: string, { done, total }: Step, elapsedMs: number, doneBefore = 0): string {
  const perSecond = elapsedMs > 0 ? (Math.max(0, done - doneBefore) * 1_000) / elapsedMs : 0;
  const rate = `${number(perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond))}/s`;
  if (total === undefined || total <= 0) return `${label} ${number(done)}, ${rate}`;
  const share = Math.min(1, done / total);
  const bar = '#'.repeat(Math.round(share * barColumns)).padEnd(barColumns);
  const left = perSecond > 0 && done < total ? `, ${duration(((total - done) * 1_000) / perSecond)} left` : '';
  return `${label} [${bar}] ${Math.floor(share * 100)}% ${number(done)}/${number(total)}, ${rate}${left}`;
}

/** `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** With commas between thousands, whatever the locale. */
export function number(value: number): string {
  return value.toLocaleString('en-US');
}
