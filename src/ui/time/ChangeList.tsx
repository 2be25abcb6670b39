import { Minus, Pencil, Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "../parts/Button.tsx";
import { formatCount } from "../parts/format.ts";
import { sideLines } from "./side-text.ts";
import "./changes.css";

export interface Change {
  readonly key: string;
  /** From before to after. */
  readonly kind: "added" | "changed" | "removed";
  /** Null where there is no key. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface ChangeListProps {
  changes: readonly Change[];
  /** What the two sides are called. */
  words: readonly [before: string, after: string];
}

const ICONS = { added: Plus, changed: Pencil, removed: Minus };
/** So many at once. */
const SHOWN = 100;

/** Keys that differ, each with its two values side by side. */
export function ChangeList({ changes, words }: ChangeListProps) {
  const [shown, setShown] = useState(SHOWN);
  const left = changes.length - shown;
  return (
    <>
      <ul className="changes">
        {changes.slice(0, shown).map((change) => (
          <ChangeItem key={change.key} change={change} words={words} />
        ))}
      </ul>
      {left > 0 ? (
        <Button className="changes-more" onClick={() => setShown(shown + SHOWN)}>
          Show {formatCount(Math.min(left, SHOWN))} more of {formatCount(left)}
        </Button>
      ) : null}
    </>
  );
}

function ChangeItem({ change, words }: { change: Change; words: ChangeListProps["words"] }) {
  const { key, kind, before, after } = change;
  const [whole, setWhole] = useState(false);
  const Icon = ICONS[kind];
  const long = [before, after].some((text) => text !== null && isLong(text));
  return (
    <li className={`change change-${kind}`}>
      <h3>
        <Icon aria-hidden size={13} />
        <span className="change-key data">{key}</span>
        <span className="change-kind">{kind}</span>
      </h3>
      <dl className={whole ? "change-sides change-whole" : "change-sides"}>
        <SideValue word={words[0]} text={before} other={after} />
        <SideValue word={words[1]} text={after} other={before} />
      </dl>
      {long ? (
        <Button tone="plain" onClick={() => setWhole(!whole)}>
          {whole ? "Less" : "All of it"}
        </Button>
      ) : null}
    </li>
  );
}

function SideValue({
  word,
  text,
  other,
}: {
  word: string;
  text: string | null;
  other: string | null;
}) {
  return (
    <div>
      <dt>{word}</dt>
      <dd className="data">
        {text === null ? (
          <em className="soft">no such key</em>
        ) : (
          sideLines(text, other).map((line, index) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: lines may be alike, and never move
              key={index}
              className={line.differs ? "change-line change-differs" : "change-line"}
            >
              {line.text}
            </span>
          ))
        )}
      </dd>
    </div>
  );
}

const LONG_CHARS = 400;
const LONG_LINES = 10;

function isLong(text: string): boolean {
  return text.length > LONG_CHARS || text.split("\n").length > LONG_LINES;
}
