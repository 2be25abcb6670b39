import { type ReactNode, useState } from "react";
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
/** Longer ones come in parts, each folded: a page of a million elements would stand still. */
const PART_MEMBERS = 500;

interface NodeProps {
  name?: string;
  value: unknown;
  depth: number;
  last: boolean;
}

type Member = readonly [name: string | undefined, value: unknown];

function Node({ name, value, depth, last }: NodeProps) {
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
  const members: readonly Member[] = list
    ? value.map((each) => [undefined, each])
    : Object.entries(value);
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
    <Branch
      open={depth < OPEN_DEPTH && members.length <= OPEN_MEMBERS}
      summary={
        <>
          {label}
          {before}
          <span className="json-folded">
            {members.length} {after}
          </span>
        </>
      }
      end={
        <div className="json-line">
          {after}
          {comma}
        </div>
      }
    >
      {() =>
        members.length <= PART_MEMBERS ? (
          <Members members={members} from={0} to={members.length} depth={depth + 1} />
        ) : (
          Array.from({ length: Math.ceil(members.length / PART_MEMBERS) }, (_, part) => {
            const from = part * PART_MEMBERS;
            const to = Math.min(from + PART_MEMBERS, members.length);
            return (
              <Branch
                key={from}
                open={false}
                summary={
                  <span className="json-part">
                    {from} – {to - 1}
                  </span>
                }
              >
                {() => <Members members={members} from={from} to={to} depth={depth + 1} />}
              </Branch>
            );
          })
        )
      }
    </Branch>
  );
}

/** Something to fold; what is in it is made when it is opened. */
function Branch(props: {
  open: boolean;
  summary: ReactNode;
  end?: ReactNode;
  children: () => ReactNode;
}) {
  const [open, setOpen] = useState(props.open);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{props.summary}</summary>
      {open ? (
        <>
          <div className="json-members">{props.children()}</div>
          {props.end}
        </>
      ) : null}
    </details>
  );
}

function Members(props: { members: readonly Member[]; from: number; to: number; depth: number }) {
  const { members, from, to, depth } = props;
  return members.slice(from, to).map(([name, value], index) => (
    <Node
      // biome-ignore lint/suspicious/noArrayIndexKey: the value does not change
      key={index}
      {...(name === undefined ? {} : { name })}
      value={value}
      depth={depth}
      last={from + index === members.length - 1}
    />
  ));
}
