import { type ComponentProps, type ReactNode, useId } from "react";
import "./field.css";

export interface FieldProps {
  label: string;
  /** What to write, below the input. */
  help?: ReactNode;
  /** What is wrong with it. */
  problem?: string | undefined;
  children(attributes: {
    id: string;
    "aria-describedby"?: string;
    "aria-invalid"?: true;
  }): ReactNode;
}

/** A label, an input, and what there is to say about it. */
export function Field({ label, help, problem, children }: FieldProps) {
  const id = useId();
  const note = problem ?? help;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        ...(note === undefined ? {} : { "aria-describedby": `${id}-note` }),
        ...(problem === undefined ? {} : { "aria-invalid": true as const }),
      })}
      {note === undefined ? null : (
        <p id={`${id}-note`} className={problem === undefined ? "field-help" : "field-problem"}>
          {note}
        </p>
      )}
    </div>
  );
}

/** A line of text. Names and SQL are not prose, so nothing corrects them. */
export function TextInput({ className = "", ...rest }: ComponentProps<"input">) {
  return (
    <input
      className={`input ${className}`}
      autoComplete="off"
      autoCapitalize="off"
      autoCorrect="off"
      spellCheck={false}
      {...rest}
    />
  );
}

export function Select({ className = "", ...rest }: ComponentProps<"select">) {
  return <select className={`input select ${className}`} {...rest} />;
}

export function Checkbox({ children, ...rest }: ComponentProps<"input">) {
  return (
    <label className="checkbox">
      <input type="checkbox" {...rest} />
      <span>{children}</span>
    </label>
  );
}
