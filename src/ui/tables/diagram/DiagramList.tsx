import { place, placeHref } from "../../address/place.ts";
import type { SchemaObject } from "../../api/schema.ts";
import { type DiagramKey, keysOf } from "./keys.ts";

export interface DiagramListProps {
  db: string;
  /** The tables to list. */
  shown: readonly SchemaObject[];
  /** All of them: also those that are not listed refer and are referred to. */
  objects: readonly SchemaObject[];
}

/** The same as the diagram in words. */
export function DiagramList({ db, shown, objects }: DiagramListProps) {
  const keys = keysOf(objects);
  const link = (name: string) => <a href={placeHref(place(db, "table", name))}>{name}</a>;
  const lines = (of: readonly DiagramKey[], other: (key: DiagramKey) => string, verb: string) =>
    of.map((key) => (
      <li key={`${verb} ${key.id}`}>
        {verb} {link(other(key))} <span className="soft data">{key.words}</span>
      </li>
    ));
  return (
    <ul className="diagram-list">
      {shown.map(({ name }) => (
        <li key={name}>
          <h2 className="data">{link(name)}</h2>
          <ul>
            {lines(
              keys.filter(({ from }) => from === name),
              ({ to }) => to,
              "refers to",
            )}
            {lines(
              keys.filter(({ to }) => to === name),
              ({ from }) => from,
              "is referred to by",
            )}
          </ul>
        </li>
      ))}
    </ul>
  );
}
