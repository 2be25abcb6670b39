import { useId } from "react";
import { Select, TextInput } from "../parts/Field.tsx";
import { type ParameterValue, type ParameterValues, VALUE_KINDS } from "./parameters.ts";

export interface ParameterFormProps {
  keys: readonly string[];
  values: ParameterValues;
  onChange(values: ParameterValues): void;
  /** Run was asked for while these had no value. */
  wanted: readonly string[];
  onRun(): void;
}

/** Asks for the values of the query's parameters. */
export function ParameterForm({ keys, values, onChange, wanted, onRun }: ParameterFormProps) {
  const id = useId();
  if (keys.length === 0) return null;
  const set = (key: string, value: ParameterValue) => onChange({ ...values, [key]: value });
  return (
    <fieldset className="parameters">
      <legend className="visually-hidden">Parameters</legend>
      {keys.map((key) => {
        const { kind, text } = values[key] ?? { kind: "auto", text: "" };
        const lacking = wanted.includes(key) && values[key] === undefined;
        return (
          <div key={key} className="parameter">
            <label htmlFor={id + key} className="data">
              {key}
            </label>
            <TextInput
              id={id + key}
              className="input-small data"
              data-parameter={key}
              disabled={kind === "null"}
              placeholder={kind === "null" ? "NULL" : lacking ? "give a value" : ""}
              aria-invalid={lacking ? true : undefined}
              value={kind === "null" ? "" : text}
              onChange={(event) => set(key, { kind, text: event.target.value })}
              onKeyDown={(event) => {
                if (event.key === "Enter") onRun();
              }}
            />
            <Select
              className="input-small"
              aria-label={`Type of ${key}`}
              value={kind}
              onChange={(event) =>
                set(key, { kind: event.target.value as ParameterValue["kind"], text })
              }
            >
              {VALUE_KINDS.map((each) => (
                <option key={each} value={each}>
                  {each === "null" ? "NULL" : each}
                </option>
              ))}
            </Select>
          </div>
        );
      })}
    </fieldset>
  );
}
