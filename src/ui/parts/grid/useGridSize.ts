/** How the grid fits its place: row height by pointer, first column held where it is narrow. */
import { type RefObject, useEffect, useState } from "react";

const NARROW_PX = 640;

export function useGridSize(box: RefObject<HTMLElement | null>): {
  rowHeight: number;
  pinned: boolean;
} {
  const [size, setSize] = useState(() => ({
    rowHeight: rowHeight(),
    pinned: innerWidth < NARROW_PX,
  }));
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = () => {
      const next = { rowHeight: rowHeight(), pinned: element.clientWidth < NARROW_PX };
      setSize((before) =>
        before.rowHeight === next.rowHeight && before.pinned === next.pinned ? before : next,
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
