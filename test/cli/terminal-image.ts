/** A piece of a line that looks the same throughout. */
export interface Span {
  readonly text: string;
  /** As `ESC [ … m` names it: 31 is red. Undefined: as usual. */
  readonly colour: number | undefined;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

type Style = Omit<Span, 'text'>;

interface Cell extends Style {
  readonly character: string;
}

const introducer = String.fromCharCode(27);
const sequencePattern = new RegExp(`^${introducer}(?:\\[[?\\d;]*[A-Za-z]|[^[])`);
const partsPattern = new RegExp(`^${introducer}\\[(\\??)([\\d;]*)([A-Za-z])$`);

const usual: Style = { colour: undefined, isBold: false, isDim: false };

/** What a terminal shows of what is written to it: as much of it as programs of ours use. */
export class TerminalImage {
  columns: number;
  rows: number;
  /** Cursor and screen of those who use the alternate screen. */
  isAlternate = false;
  isCursorShown = true;
  #lines: Cell[][];
  #main: Cell[][] | undefined;
  #row = 0;
  #column = 0;
  #style: Style = usual;
  /** The beginning of a sequence whose end has not come. */
  #rest = '';

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.#lines = this.#blank();
  }

  /** What is to be seen, without what follows the last character of each line. */
  get text(): string {
    return this.#lines
      .map((line) =>
        line
          .map(({ character }) => character)
          .join('')
          .trimEnd(),
      )
      .join('\n')
      .trimEnd();
  }

  /** Each line as pieces of one look. */
  get spans(): Span[][] {
    return this.#lines.map((line) => {
      const spans: Span[] = [];
      for (const { character, ...style } of line) {
        const last = spans.at(-1);
        if (last !== undefined && sameStyle(last, style))
          spans[spans.length - 1] = { ...last, text: last.text + character };
        else spans.push({ text: character, ...style });
      }
      return spans;
    });
  }

  /** All that was to be seen is gone; programs draw anew. */
  resize(columns: number, rows: number): void {
    [this.columns, this.rows] = [columns, rows];
    this.#lines = this.#blank();
    if (this.#main !== undefined) this.#main = this.#blank();
  }

  write(text: string): void {
    const all = this.#rest + text;
    this.#rest = '';
    let at = 0;
    while (at < all.length) {
      const character = all[at] as string;
      if (character !== introducer) {
        this.#put(character);
        at += 1;
        continue;
      }
      const sequence = sequencePattern.exec(all.slice(at));
      if (sequence === null) {
        this.#rest = all.slice(at);
        return;
      }
      this.#control(sequence[0]);
      at += sequence[0].length;
    }
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#newLine();
    else if (character >= ' ') {
      if (this.#column >= this.columns) {
        this.#column = 0;
        this.#newLine();
      }
      const line = this.#lines[this.#row];
      if (line !== undefined) line[this.#column] = { character, ...this.#style };
      this.#column += 1;
    }
  }

  #newLine(): void {
    if (this.#row < this.rows - 1) this.#row += 1;
    else this.#lines = [...this.#lines.slice(1), this.#blankLine()];
  }

  #control(sequence: string): void {
    const [, mark = '', parameters = '', kind = ''] = partsPattern.exec(sequence) ?? [];
    const numbers = parameters.split(';').map(Number);
    const [first = 0, second = 0] = numbers;
    if (mark === '?') this.#mode(first, kind === 'h');
    else if (kind === 'H') [this.#row, this.#column] = [Math.max(0, first - 1), Math.max(0, second - 1)];
    else if (kind === 'K') this.#erase(this.#row, first === 2 ? 0 : this.#column);
    else if (kind === 'J') this.#eraseBelow(first);
    else if (kind === 'A') this.#row = Math.max(0, this.#row - Math.max(1, first));
    else if (kind === 'B') this.#row = Math.min(this.rows - 1, this.#row + Math.max(1, first));
    else if (kind === 'G') this.#column = Math.max(0, first - 1);
    else if (kind === 'm') for (const one of numbers) this.#style = styled(this.#style, one);
  }

  #mode(number: number, isOn: boolean): void {
    if (number === 25) this.isCursorShown = isOn;
    if (number !== 1049 || this.isAlternate === isOn) return;
    this.isAlternate = isOn;
    if (isOn) {
      this.#main = this.#lines;
      this.#lines = this.#blank();
    } else {
      this.#lines = this.#main ?? this.#blank();
    }
  }

  #erase(row: number, from: number): void {
    const line = this.#lines[row];
    if (line !== undefined) this.#lines[row] = [...line.slice(0, from), ...this.#blankLine().slice(from)];
  }

  #eraseBelow(kind: number): void {
    if (kind === 2) this.#lines = this.#blank();
    else {
      this.#erase(this.#row, this.#column);
      for (let row = this.#row + 1; row < this.rows; row += 1) this.#erase(row, 0);
    }
  }

  #blank(): Cell[][] {
    return Array.from({ length: this.rows }, () => this.#blankLine());
  }

  #blankLine(): Cell[] {
    return Array.from({ length: this.columns }, () => ({ character: ' ', ...usual }));
  }
}

function styled(before: Style, code: number): Style {
  if (code === 0) return usual;
  if (code === 1) return { ...before, isBold: true };
  if (code === 2) return { ...before, isDim: true };
  if (code === 22) return { ...before, isBold: false, isDim: false };
  if (code === 39) return { ...before, colour: undefined };
  return (code >= 30 && code <= 37) || (code >= 90 && code <= 97) ? { ...before, colour: code } : before;
}

function sameStyle(one: Style, other: Style): boolean {
  return one.colour === other.colour && one.isBold === other.isBold && one.isDim === other.isDim;
}
