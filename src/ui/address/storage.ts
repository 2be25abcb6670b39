/** What the page remembers on this device. Storage may be full or forbidden: then it forgets. */

const PREFIX = "chronolite.";

export function load<Value>(name: string): Value | null {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? null : (JSON.parse(text) as Value);
  } catch {
    return null;
  }
}

export function save(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Forgotten with the page.
  }
}
