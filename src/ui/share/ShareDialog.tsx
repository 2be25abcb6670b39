import { Link } from "lucide-react";
import { useState } from "react";
import { parseJson } from "../api/json.ts";
import {
  type MadeShare,
  makeShare,
  SHARE_FORMATS,
  type ShareFormat,
  shareTime,
  useShares,
} from "../api/shares.ts";
import { Button } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Field, Select } from "../parts/Field.tsx";
import { ShareFailure } from "./ShareFailure.tsx";
import { ShareForms } from "./ShareForms.tsx";
import { ShareList } from "./ShareList.tsx";
import "./share.css";

export interface ShareDialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  db: string;
  /** One statement that only reads. */
  sql: string;
  /** JSON of its parameters' values: an array or an object; null when it has none. */
  values: string | null;
}

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
const LIVES: readonly (readonly [seconds: number, words: string])[] = [
  [HOUR_S, "1 hour"],
  [DAY_S, "1 day"],
  [7 * DAY_S, "7 days"],
  [30 * DAY_S, "30 days"],
  [365 * DAY_S, "1 year"],
];

/** Makes a link to the rows of a query, and lists and revokes those that exist. */
export function ShareDialog({ open, onOpenChange, db, sql, values }: ShareDialogProps) {
  const [format, setFormat] = useState<ShareFormat>("html");
  const [expiresInS, setExpiresInS] = useState(7 * DAY_S);
  const [made, setMade] = useState<(MadeShare & { format: ShareFormat }) | null>(null);
  const [making, setMaking] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const shares = useShares(db);

  const make = async () => {
    setMaking(true);
    setError(null);
    try {
      const share = await makeShare(db, {
        sql,
        values: values === null ? null : parseJson(values),
        format,
        expiresInS,
      });
      setMade({ ...share, format });
      await shares.refetch();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setMaking(false);
    }
  };
  const until = made === null ? null : shareTime(made.expires_at);
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Share the rows"
      description="Anybody with the link sees what this query finds at that moment. It can run nothing else."
      size="medium"
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="share-sql" tabIndex={0} aria-label="The query">
        <pre>{sql}</pre>
      </section>
      <form
        className="share-form"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <Field label="As">
          {(attributes) => (
            <Select
              {...attributes}
              value={format}
              onChange={({ target }) => setFormat(target.value as ShareFormat)}
            >
              {Object.entries(SHARE_FORMATS).map(([key, words]) => (
                <option key={key} value={key}>
                  {words}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Works for">
          {(attributes) => (
            <Select
              {...attributes}
              value={expiresInS}
              onChange={({ target }) => setExpiresInS(Number(target.value))}
            >
              {LIVES.map(([seconds, words]) => (
                <option key={seconds} value={seconds}>
                  {words}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Button tone="primary" type="submit" icon={Link} disabled={making}>
          {making ? "Making…" : "Make a link"}
        </Button>
      </form>
      {error === null ? null : <ShareFailure error={error} />}
      {made === null ? null : (
        <section aria-label="The link">
          <ShareForms url={made.url} format={made.format} />
          {until === null ? null : (
            <p className="soft">
              It works until <time dateTime={until.toISOString()}>{until.toLocaleString()}</time>.
            </p>
          )}
        </section>
      )}
      <ShareList db={db} shares={shares} />
    </Dialog>
  );
}
