/** Light or dark: as the system says, unless the person chose. */

export const THEME_CHOICES = ["system", "light", "dark"] as const;
export type ThemeChoice = (typeof THEME_CHOICES)[number];

const STORAGE_KEY = "chronolite.theme";

export function themeChoice(): ThemeChoice {
  const stored = readStored();
  return THEME_CHOICES.find((choice) => choice === stored) ?? "system";
}

/** Remembers the choice and shows it. */
export function chooseTheme(choice: ThemeChoice): void {
  try {
    localStorage.setItem(STORAGE_KEY, choice);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  showTheme(choice);
}

export function showTheme(choice: ThemeChoice): void {
  const { dataset } = document.documentElement;
  if (choice === "system") delete dataset["theme"];
  else dataset["theme"] = choice;
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}
