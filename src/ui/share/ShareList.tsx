import type { UseQueryResult } from "@tanstack/react-query";
import { Copy, Trash2 } from "lucide-react";
import { useState } from "react";
import { apiUrl } from "../api/client.ts";
import { revokeShare, type Share, shareTime } from "../api/shares.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import { formatAgo } from "../parts/format.ts";
import { writeClipboard } from "../parts/grid/copy.ts";
import { Skeleton } from "../parts/Notes.tsx";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { TwinLinks } from "../parts/TwinLink.tsx";
import { ShareFailure } from "./ShareFailure.tsx";

export interface ShareListProps {
  db: string;
  shares: UseQueryResult<{ shares: readonly Share[] }>;
}

/** The links of the database; those that work can be revoked. */
export function ShareList({ db, shares }: ShareListProps) {
  const [revoking, setRevoking] = useState<string | null>(null);
  if (shares.error !== null) return <ShareFailure error={shares.error} />;
  if (shares.data === undefined) return <Skeleton lines={2} label="Reading the links" />;
  const working = shares.data.shares.filter(({ revoked, url }) => !revoked && url !== null);
  if (working.length === 0) return null;

  const revoke = async (share: Share) => {
    setRevoking(null);
    try {
      await revokeShare(share.id);
      toast("The link no longer works");
    } catch (error) {
      toastFailure(error);
    }
    await shares.refetch();
  };
  return (
    <section className="shares" aria-label={`Links to ${db}`}>
      <div className="shares-head">
        <h3>Links that work</h3>
        <TwinLinks href={(format) => apiUrl("/share", { db, format })} of="the list of all links" />
      </div>
      <ul>
        {working.map((share) => {
          const until = shareTime(share.expires_at);
          return (
            <li key={share.id}>
              <span className="shares-sql data" title={share.sql}>
                {share.sql.replaceAll(/\s+/g, " ")}
              </span>
              <span className="soft">
                {share.format}
                {until === null ? "" : ` · ends ${formatAgo(until)}`}
              </span>
              {revoking === share.id ? (
                <>
                  {/* A link that is revoked cannot come back, and others may rely on it. */}
                  <Button tone="danger" autoFocus onClick={() => void revoke(share)}>
                    Revoke for good
                  </Button>
                  <Button tone="plain" onClick={() => setRevoking(null)}>
                    Keep
                  </Button>
                </>
              ) : (
                <>
                  <IconButton
                    icon={Copy}
                    label="Copy this link"
                    onClick={() =>
                      writeClipboard(share.url ?? "").then(
                        () => toast("Copied the URL"),
                        toastFailure,
                      )
                    }
                  />
                  <IconButton
                    icon={Trash2}
                    label="Revoke this link"
                    onClick={() => setRevoking(share.id)}
                  />
                </>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
