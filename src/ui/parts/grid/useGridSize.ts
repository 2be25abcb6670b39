/** How the grid fits its place: row height by pointer, first column held where it is narrow. */
import { type RefObject, useEffect, useState } from "react";

const NARROW_PX = 640;

export function useGridSize(box: RefObject<HTMLElement | null>): {
  rowHeight: number;
  narrow: boolean;
  /** Pixels between the edges of the box. */
  width: number;
} {
  const [size, setSize] = useState(() => ({
    rowHeight: rowHeight(),
    narrow: innerWidth < NARROW_PX,
    width: innerWidth,
  }));
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = () => {
      const { clientWidth: width } = element;
      // A hidden tab has no width; it will have the one it had.
      if (width === 0) return;
      const next = { rowHeight: rowHeight(), narrow: width < NARROW_PX, width };
      setSize((before) =>
        before.rowHeight === next.rowHeight && before.width === next.width ? before : next,
      );
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    const pointer = matchMedia("(pointer: coarse)");
    pointer.addEventListener("change", measure);
    return () => {
      observer.disconnect();
      pointer.removeEventListener("change", measure);
    };
  }, [box]);
  return size;
}

function rowHeight(): number {
  return (
    Number.parseInt(getComputedStyle(document.documentElement).getPropertyValue("--row"), 10) || 28
  );
}
