import type { SchemaObject } from "../api/schema.ts";
import { queryUrl } from "../api/sql.ts";
import { printed } from "../api/sql-text.ts";
import { TwinLinks } from "../parts/TwinLink.tsx";
import type { Identity } from "./model/identity.ts";
import { viewQuery } from "./model/page-query.ts";
import type { ViewState } from "./model/view-state.ts";
import { Pager } from "./Pager.tsx";
import { cursorAt, type TablePage, useRowCount } from "./useTablePage.ts";

export interface TableStatusProps {
  db: string;
  object: SchemaObject;
  identity: Identity | null;
  state: ViewState;
  page: TablePage | undefined;
  counting: boolean;
  /** A chart shows all pages. */
  paged: boolean;
  onView(change: Partial<ViewState>): void;
}

/** Which page it is, and the addresses of the same rows in other formats. */
export function TableStatus(props: TableStatusProps) {
  const { db, object, identity, state, page, onView } = props;
  const count = useRowCount(db, object, state, props.counting);
  const known = count.error === null ? (count.data ?? null) : "slow";
  const rows = page?.rows ?? [];
  const pages =
    known === null || known === "slow" ? null : Math.max(1, Math.ceil(known.rows / state.pageSize));
  const first = (state.page - 1) * state.pageSize + 1;
  const go = (kind: "before" | "after", to: number) => {
    const row = kind === "after" ? rows.at(-1) : rows[0];
    if (to <= 1) onView({ cursor: { kind: "first" } });
    else if (identity === null) onView({ cursor: { kind: "after", cells: [to] }, page: to });
    else if (row !== undefined)
      onView({ cursor: cursorAt(kind, row, state, object, identity), page: to });
  };
  const sql = printed(viewQuery(state, object, identity));
  return (
    <footer className="status table-status">
      {props.paged ? (
        <Pager
          first={first}
          rows={page === undefined ? null : rows.length}
          count={known}
          hasPrevious={page?.hasPrevious ?? false}
          hasNext={page?.hasNext ?? false}
          canEnd={
            identity !== null && pages !== null && known !== "slow" && known?.kind === "exact"
          }
          pageSize={state.pageSize}
          onFirst={() => onView({ cursor: { kind: "first" } })}
          onPrevious={() => go("before", state.page - 1)}
          onNext={() => go("after", state.page + 1)}
          onLast={() => {
            if (pages === null || known === null || known === "slow") return;
            const rest = known.rows - (pages - 1) * state.pageSize;
            onView({ cursor: { kind: "last", rows: rest }, page: pages });
          }}
          onPageSize={(pageSize) => onView({ pageSize })}
        />
      ) : null}
      {page?.cut === true ? (
        <span role="status" className="table-cut">
          These rows are large: fewer of them make a page
        </span>
      ) : null}
      <span className="table-bar-space" />
      <TwinLinks href={(format) => queryUrl(db, sql, null, format, state.at)} of="all these rows" />
    </footer>
  );
}
