/**
 * A place is a state of the page, and its address: `#/DB/VIEW/NAME?param=value`. It stands behind
 * the `#`, because SQL may be longer than servers and proxies let a path be.
 */
export interface Place {
  /** Null before a database is chosen. */
  readonly db: string | null;
  /** Which view: see shell/views.ts. */
  readonly view: string;
  /** What it shows, such as a table. */
  readonly name: string | null;
  /** The rest of the state: filter, sort, query, parameters. */
  readonly params: Readonly<Record<string, string>>;
}

export const HOME: Place = { db: null, view: "home", name: null, params: {} };

export function place(
  db: string | null,
  view: string,
  name: string | null = null,
  params: Place["params"] = {},
): Place {
  return { db, view, name, params };
}

/** Such as `#/demo/table/cities?sort=name`. */
export function placeHref({ db, view, name, params }: Place): string {
  if (db === null) return "#/";
  const path = [db, view, ...(name === null ? [] : [name])].map(encodeURIComponent).join("/");
  const search = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ""));
  const text = search.toString();
  return `#/${path}${text === "" ? "" : `?${text}`}`;
}

/** Reads an address; anything that is none is the home. */
export function parseHref(hash: string): Place {
  const [path = "", search = ""] = splitOnce(hash.replace(/^#?\/?/, ""), "?");
  try {
    const [db = "", view = "", ...rest] = path.split("/").map(decodeURIComponent);
    if (db === "") return HOME;
    return {
      db,
      view: view === "" ? "overview" : view,
      name: rest.length === 0 ? null : rest.join("/"),
      params: Object.fromEntries(new URLSearchParams(search)),
    };
  } catch {
    return HOME;
  }
}

export function samePlace(a: Place, b: Place): boolean {
  return placeHref(a) === placeHref(b);
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
