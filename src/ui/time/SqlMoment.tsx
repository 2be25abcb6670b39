import { useEffect, useState } from "react";
import { parseMoment, printMoment } from "../api/moment.ts";
import { MomentButton } from "./MomentButton.tsx";
import { onMomentWanted } from "./wanted.ts";

export interface SqlMomentProps {
  tabId: string;
  /** As the address says it. */
  text: string;
  onAt(text: string): void;
}

/** The moment that a query is about: its key-value tables are read as they were then. */
export function SqlMoment({ tabId, text, onAt }: SqlMomentProps) {
  const [open, setOpen] = useState(false);
  useEffect(() => onMomentWanted(tabId, () => setOpen(true)), [tabId]);
  const at = parseMoment(text);
  return (
    <span className={text === "" ? "sql-moment" : "sql-moment in-past"}>
      <MomentButton
        at={at ?? null}
        unreadable={at === undefined ? text : null}
        horizonMs={null}
        firstMs={null}
        open={open}
        onOpen={setOpen}
        onGo={(next) => onAt(printMoment(next))}
      />
    </span>
  );
}
