import { X } from "lucide-react";
import { Toast as Radix } from "radix-ui";
import { type ReactNode, useSyncExternalStore } from "react";
import { toFailure } from "../api/failure.ts";
import { Button, IconButton } from "./Button.tsx";
import "./toast.css";

interface Message {
  readonly id: number;
  readonly tone: "done" | "danger";
  readonly words: ReactNode;
  readonly undo: (() => void) | undefined;
}

const SHOWN_MS = 6000;
const SHOWN_WITH_UNDO_MS = 12_000;

let messages: readonly Message[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

/** Says what was done, with a way back where there is one. */
export function toast(words: ReactNode, undo?: () => void): void {
  add({ tone: "done", words, undo });
}

/** For what fails where nothing on the page stands for it; elsewhere use `ErrorNote`. */
export function toastFailure(error: unknown): void {
  const { message, hint, code } = toFailure(error);
  add({ tone: "danger", words: `${message}. ${hint ?? ""} (${code})`, undo: undefined });
}

function add(message: Omit<Message, "id">): void {
  messages = [...messages.slice(-2), { ...message, id: nextId++ }];
  for (const listener of listeners) listener();
}

function remove(id: number): void {
  messages = messages.filter((message) => message.id !== id);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Where they appear; once, in the shell. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => messages);
  return (
    <Radix.Provider swipeDirection="down">
      {shown.map(({ id, tone, words, undo }) => (
        <Radix.Root
          key={id}
          className={`toast toast-${tone}`}
          duration={undo === undefined ? SHOWN_MS : SHOWN_WITH_UNDO_MS}
          onOpenChange={(open) => {
            if (!open) remove(id);
          }}
        >
          <Radix.Description className="toast-words">{words}</Radix.Description>
          {undo === undefined ? null : (
            <Radix.Action asChild altText="Undo">
              <Button tone="plain" onClick={undo}>
                Undo
              </Button>
            </Radix.Action>
          )}
          <Radix.Close asChild>
            <IconButton icon={X} label="Dismiss" />
          </Radix.Close>
        </Radix.Root>
      ))}
      <Radix.Viewport className="toasts" />
    </Radix.Provider>
  );
}
