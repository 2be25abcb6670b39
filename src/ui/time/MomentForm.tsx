import { type FormEvent, useEffect, useId, useState } from "react";
import type { Moment } from "../api/moment.ts";
import { Button } from "../parts/Button.tsx";
import { TextInput } from "../parts/Field.tsx";
import { formatExactly, formatMoment } from "./moment.ts";
import type { readTyped, Typed } from "./typed.ts";

export interface MomentFormProps {
  at: Moment;
  /** What was before is not known any more. */
  horizonMs: number | null;
  /** Of the first change that is known. */
  firstMs: number | null;
  onGo(at: Moment): void;
}

const EXAMPLES = ["5 minutes ago", "1 hour ago", "today", "yesterday", "1 week ago"];

/** Only Americans begin with the month. */
const DAY_FIRST = !/^en-(US|PH)$/i.test(navigator.language);

/** Asks for a moment: typed in words or numbers, picked, or one of a few. */
export function MomentForm({ at, horizonMs, firstMs, onGo }: MomentFormProps) {
  const id = useId();
  const [text, setText] = useState("");
  const read = useReader();
  const outcome = text.trim() === "" ? null : read(text);
  const problem = problemOf(outcome, horizonMs);
  const chosen = outcome?.kind === "moment" && problem === null ? outcome : null;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (chosen !== null) onGo(chosen.at);
  };
  const go = (words: string) => {
    const typed = read(words);
    if (typed?.kind !== "moment" || problemOf(typed, horizonMs) !== null) setText(words);
    else onGo(typed.at);
  };
  return (
    <form className="moment-form" onSubmit={submit}>
      <label htmlFor={id}>Go to a moment</label>
      <div className="moment-typed">
        <TextInput
          id={id}
          autoFocus
          className="input-small"
          placeholder="yesterday 14:00"
          value={text}
          aria-describedby={`${id}-note`}
          aria-invalid={problem === null ? undefined : true}
          onChange={({ target }) => setText(target.value)}
        />
        <Button tone="primary" type="submit" disabled={chosen === null}>
          Go
        </Button>
      </div>
      <p
        id={`${id}-note`}
        role="status"
        className={problem === null ? "moment-note" : "moment-note moment-problem"}
      >
        {problem ?? (chosen === null ? "A time, a date, a Unix time, words" : wordsOf(chosen.at))}
      </p>
      <div className="moment-examples">
        {EXAMPLES.map((words) => (
          <Button key={words} onClick={() => go(words)}>
            {words}
          </Button>
        ))}
        {firstMs === null ? null : (
          <Button onClick={() => onGo(Math.max(firstMs, horizonMs ?? 0))}>the beginning</Button>
        )}
        {at === null ? null : <Button onClick={() => onGo(null)}>now</Button>}
      </div>
      <label htmlFor={`${id}-picked`} className="soft">
        Or pick it
      </label>
      <input
        id={`${id}-picked`}
        type="datetime-local"
        step={1}
        className="input input-small"
        defaultValue={at === null ? "" : localText(at)}
        max={localText(Date.now())}
        onChange={({ target }) => setText(target.value.replace("T", " "))}
      />
    </form>
  );
}

/** What reads typed text comes when it is needed. */
function useReader(): (text: string) => Typed | null {
  const [reader, setReader] = useState<{ readonly read: typeof readTyped } | null>(null);
  useEffect(() => {
    let shown = true;
    void import("./typed.ts").then((module) => {
      if (shown) setReader({ read: module.readTyped });
    });
    return () => {
      shown = false;
    };
  }, []);
  return (text) => reader?.read(text, { nowMs: Date.now(), dayFirst: DAY_FIRST }) ?? null;
}

function problemOf(typed: Typed | null, horizonMs: number | null): string | null {
  if (typed?.kind === "unknown") return "This does not read as a moment";
  if (typed?.kind === "future") return "This is still to come";
  if (typed?.kind === "moment" && typed.at !== null && typed.at < (horizonMs ?? 0))
    return `What was before ${formatMoment(horizonMs ?? 0)} is forgotten`;
  return null;
}

function wordsOf(at: Moment): string {
  return at === null ? "now" : formatExactly(at);
}

/** `2026-11-21T14:03:05`, by the clock of who reads it. */
function localText(ms: number): string {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
