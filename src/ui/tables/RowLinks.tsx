import { useQuery } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { placeHref } from "../address/place.ts";
import { quoteIdentifier } from "../api/literals.ts";
import type { Schema, SchemaObject } from "../api/schema.ts";
import type { Cell } from "../api/sql.ts";
import { printed } from "../api/sql-text.ts";
import { formatCount } from "../parts/format.ts";
import { filterSql } from "./model/filter.ts";
import { whereClause } from "./model/page-query.ts";
import { readRows } from "./model/reading.ts";
import { followKey, type Reference, referrersOf } from "./references.ts";
import { rowsKey } from "./useTablePage.ts";

export interface RowLinksProps {
  db: string;
  object: SchemaObject;
  schema: Schema;
  cellOf(column: string): Cell;
}

/** The rows that this one refers to, and how many refer to it. */
export function RowLinks({ db, object, schema, cellOf }: RowLinksProps) {
  const followed = object.foreign_keys.flatMap((key) => followKey(db, key, cellOf, schema) ?? []);
  const referrers = referrersOf(db, object, cellOf, schema);
  if (followed.length === 0 && referrers.length === 0) return null;
  return (
    <nav className="row-links" aria-label="Related rows">
      {followed.length === 0 ? null : (
        <>
          <h3>Refers to</h3>
          <ul>
            {followed.map((reference) => (
              <li key={`${reference.table} ${reference.columns.join()}`}>
                <ReferenceLink reference={reference} />
              </li>
            ))}
          </ul>
        </>
      )}
      {referrers.length === 0 ? null : (
        <>
          <h3>Referred to by</h3>
          <ul>
            {referrers.map((reference) => (
              <li key={`${reference.table} ${reference.columns.join()}`}>
                <ReferenceLink reference={reference} />
                <ReferenceCount db={db} reference={reference} />
              </li>
            ))}
          </ul>
        </>
      )}
    </nav>
  );
}

function ReferenceLink({ reference }: { reference: Reference }) {
  return (
    <a href={placeHref(reference.target)}>
      <ArrowRight aria-hidden size={13} />
      {reference.table} <span className="soft">({reference.columns.join(", ")})</span>
    </a>
  );
}

const COUNTED = 1000;
const TIMEOUT_S = 1;

function ReferenceCount({ db, reference }: { db: string; reference: Reference }) {
  const sql = [
    `SELECT count(*) FROM (SELECT 1 FROM ${quoteIdentifier(reference.table)}`,
    ...whereClause(reference.filters.map(filterSql)),
    ` LIMIT ${COUNTED + 1})`,
  ];
  const { data, error } = useQuery({
    queryKey: [...rowsKey(db, reference.table), "references", printed(sql)],

    async queryFn({ signal }) {
      const { rows } = await readRows(db, sql, { signal, timeoutS: TIMEOUT_S });
      return Number(rows[0]?.[0] ?? 0);
    },
  });
  if (error !== null) return <span className="soft">too slow to count</span>;
  if (data === undefined) return null;
  return (
    <span className="soft">
      {data > COUNTED ? `more than ${formatCount(COUNTED)}` : formatCount(data)}
    </span>
  );
}
