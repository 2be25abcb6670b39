import { ChevronLeft, ChevronRight, SkipForward } from "lucide-react";
import { useMemo } from "react";
import type { Moments } from "../api/moments.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import { Film } from "./Film.tsx";
import type { Film as FilmScale } from "./film.ts";
import { MomentButton } from "./MomentButton.tsx";
import { stepFrom, useHistory, useStanding } from "./useMoments.ts";
import type { TableTime } from "./useTableTime.ts";
import "./time.css";

export interface TimeLineProps {
  db: string;
  table: string;
  time: TableTime;
  active: boolean;
}

/** The moment that is shown, and the ways to another one: typed, dragged, stepped, back to now. */
export function TimeLine({ db, table, time, active }: TimeLineProps) {
  const history = useHistory(db, table, active).data;
  const standing = useStanding(db, table, time.at, active && !time.unreadable).data;
  const film = useMemo(() => filmOf(history), [history]);
  const canStepBack =
    standing === undefined ? film !== null : stepFrom(standing, "back") !== undefined;
  const { wanted } = time;
  return (
    <section className="time-line" aria-label="Time">
      <MomentButton
        at={wanted}
        horizonMs={history?.horizon_ms ?? null}
        firstMs={history?.first_ms ?? null}
        open={time.asking}
        onOpen={time.ask}
        onGo={time.go}
        shortcut="T"
      />
      <IconButton
        icon={ChevronLeft}
        label="One change back"
        shortcut=","
        disabled={!canStepBack}
        onClick={() => time.step("back")}
      />
      {film === null ? (
        <p className="film film-empty soft">
          {history === undefined ? "" : "Nothing was recorded yet"}
        </p>
      ) : (
        <Film
          film={film}
          buckets={history?.buckets ?? []}
          at={wanted}
          onDrag={time.drag}
          onDrop={time.drop}
          onGo={time.go}
          onStep={time.step}
        />
      )}
      <IconButton
        icon={ChevronRight}
        label="One change on"
        shortcut="."
        disabled={time.at === null}
        onClick={() => time.step("on")}
      />
      <Button
        className="time-now"
        icon={SkipForward}
        disabled={wanted === null}
        title={wanted === null ? "This is now" : "Back to now (N)"}
        onClick={() => time.go(null)}
      >
        Now
      </Button>
    </section>
  );
}

function filmOf(history: Moments | undefined): FilmScale | null {
  if (history === undefined || history.first_ms === null || history.last_ms === null) return null;
  const { first_ms: first, last_ms: last, horizon_ms: horizon } = history;
  return { fromMs: Math.min(last, Math.max(first, horizon ?? 0)), lastMs: last };
}
