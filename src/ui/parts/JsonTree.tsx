import { stringifyJson } from "../api/json.ts";
import "./json-tree.css";

/** JSON laid out, its branches to fold. */
export function JsonTree({ value }: { value: unknown }) {
  return (
    <div className="json data">
      <Node value={value} depth={0} last />
    </div>
  );
}

/** Branches below this depth, and long ones, begin folded. */
const OPEN_DEPTH = 3;
const OPEN_MEMBERS = 100;

function Node({
  name,
  value,
  depth,
  last,
}: {
  name?: string;
  value: unknown;
  depth: number;
  last: boolean;
}) {
  const label =
    name === undefined ? null : (
      <>
        <span className="json-name">{JSON.stringify(name)}</span>:{" "}
      </>
    );
  const comma = last ? "" : ",";
  if (typeof value !== "object" || value === null)
    return (
      <div className="json-line">
        {label}
        <span className={`json-${value === null ? "null" : typeof value}`}>
          {stringifyJson(value)}
        </span>
        {comma}
      </div>
    );
  const list = Array.isArray(value);
  const members = list ? value.map((each) => [undefined, each] as const) : Object.entries(value);
  const [before, after] = list ? ["[", "]"] : ["{", "}"];
  if (members.length === 0)
    return (
      <div className="json-line">
        {label}
        {before}
        {after}
        {comma}
      </div>
    );
  return (
    <details open={depth < OPEN_DEPTH && members.length <= OPEN_MEMBERS}>
      <summary>
        {label}
        {before}
        <span className="json-folded">
          {members.length} {after}
        </span>
      </summary>
      <div className="json-members">
        {members.map(([key, each], index) => (
          <Node
            // biome-ignore lint/suspicious/noArrayIndexKey: the value does not change
            key={index}
            {...(key === undefined ? {} : { name: key })}
            value={each}
            depth={depth + 1}
            last={index === members.length - 1}
          />
        ))}
      </div>
      <div className="json-line">
        {after}
        {comma}
      </div>
    </details>
  );
}
