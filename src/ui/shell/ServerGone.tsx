import { Unplug } from "lucide-react";
import { useServerGone } from "../api/presence.ts";

/** While the server does not answer; what failed meanwhile is asked for again when it does. */
export function ServerGone() {
  const gone = useServerGone();
  return (
    <div role="status">
      {gone ? (
        <p className="server-gone">
          <Unplug aria-hidden size={15} /> The server does not answer. The page goes on when it is
          back.
        </p>
      ) : null}
    </div>
  );
}
