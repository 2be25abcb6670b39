/** The page's colours for a canvas, which knows nothing of custom properties. */

export interface ChartColors {
  readonly text: string;
  readonly line: string;
  readonly surface: string;
  readonly series: readonly string[];
}

const SERIES = 8;

export function chartColors(within: HTMLElement): ChartColors {
  const probe = document.createElement("span");
  within.append(probe);
  const read = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const colors = {
    text: read("--text-soft"),
    line: read("--line"),
    surface: read("--surface"),
    series: Array.from({ length: SERIES }, (_, index) => read(`--chart-${index + 1}`)),
  };
  probe.remove();
  return colors;
}

/** Calls back when the page turns from light to dark or back. */
export function onThemeChange(listener: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const choice = new MutationObserver(listener);
  system.addEventListener("change", listener);
  choice.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    system.removeEventListener("change", listener);
    choice.disconnect();
  };
}
