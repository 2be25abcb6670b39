/** The selection of a grid in the coordinates shown: a rectangle from `anchor` to `head`. */

export interface Spot {
  /** -1 is the header. */
  readonly row: number;
  readonly column: number;
}

export interface Selected {
  readonly anchor: Spot;
  /** The corner that moves; the keyboard is here. */
  readonly head: Spot;
}

export interface Extent {
  readonly rows: number;
  readonly columns: number;
}

export interface Rectangle {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

export function single(spot: Spot): Selected {
  return { anchor: spot, head: spot };
}

export function rectangle({ anchor, head }: Selected): Rectangle {
  return {
    top: Math.max(0, Math.min(anchor.row, head.row)),
    bottom: Math.max(anchor.row, head.row),
    left: Math.min(anchor.column, head.column),
    right: Math.max(anchor.column, head.column),
  };
}

export function wholeRows(from: number, to: number, { columns }: Extent): Selected {
  return { anchor: { row: from, column: columns - 1 }, head: { row: to, column: 0 } };
}

export interface Keystroke {
  readonly key: string;
  readonly mod: boolean;
  readonly shift: boolean;
}

/** Where a key leads; undefined for a key that moves nothing. */
export function moved(
  selected: Selected,
  { key, mod, shift }: Keystroke,
  extent: Extent,
  pageRows: number,
): Selected | undefined {
  const lastRow = extent.rows - 1;
  const lastColumn = extent.columns - 1;
  const { row, column } = selected.head;
  const target = ((): Spot | undefined => {
    switch (key) {
      case "ArrowUp":
        return { row: mod ? 0 : row - 1, column };
      case "ArrowDown":
        return { row: mod ? lastRow : row + 1, column };
      case "ArrowLeft":
        return { row, column: mod ? 0 : column - 1 };
      case "ArrowRight":
        return { row, column: mod ? lastColumn : column + 1 };
      case "Home":
        return { row: mod ? 0 : row, column: 0 };
      case "End":
        return { row: mod ? lastRow : row, column: lastColumn };
      case "PageUp":
        return { row: Math.max(0, row - pageRows), column };
      case "PageDown":
        return { row: row + pageRows, column };
      default:
        return undefined;
    }
  })();
  if (target === undefined) return undefined;
  // The header can be reached, but not be part of a selection.
  const topRow = shift ? Math.min(0, lastRow) : -1;
  const head = {
    row: Math.min(Math.max(target.row, topRow), lastRow),
    column: Math.min(Math.max(target.column, 0), lastColumn),
  };
  return shift
    ? { anchor: { ...selected.anchor, row: Math.max(0, selected.anchor.row) }, head }
    : single(head);
}

/** Back inside, when there are fewer rows or columns than before. */
export function clamped(selected: Selected, extent: Extent): Selected {
  const inside = ({ row, column }: Spot): Spot => ({
    row: Math.min(row, extent.rows - 1),
    column: Math.max(0, Math.min(column, extent.columns - 1)),
  });
  return { anchor: inside(selected.anchor), head: inside(selected.head) };
}
