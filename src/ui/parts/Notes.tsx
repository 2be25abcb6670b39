/** What a place says when it has no data to show: an error, nothing yet, still coming. */
import { type LucideIcon, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { toFailure } from "../api/failure.ts";
import "./notes.css";

/** An error where it arose: the sentence, the hint, the code. */
export function ErrorNote({ error, children }: { error: unknown; children?: ReactNode }) {
  const { message, hint, code } = toFailure(error);
  return (
    <div className="error-note" role="alert">
      <TriangleAlert aria-hidden size={16} />
      <div className="error-note-words">
        <p>
          <strong>{message}</strong> <code className="error-note-code">{code}</code>
        </p>
        {hint === undefined ? null : <p className="error-note-hint">{hint}</p>}
        {children}
      </div>
    </div>
  );
}

/** Says what belongs here, and offers the first step. */
export function Empty({
  icon: Icon,
  title,
  children,
}: {
  icon?: LucideIcon;
  title: string;
  children?: ReactNode;
}) {
  return (
    <div className="empty">
      {Icon === undefined ? null : <Icon aria-hidden size={24} strokeWidth={1.5} />}
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Lines of the size of what comes. */
export function Skeleton({ lines, label }: { lines: number; label: string }) {
  return (
    <div className="skeleton" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <span key={line} className="skeleton-line" />
      ))}
    </div>
  );
}
