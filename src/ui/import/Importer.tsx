import { FileDown } from "lucide-react";
import { Suspense, useEffect, useState } from "react";
import { useWorkspace } from "../address/workspace.ts";
import { patientLazy } from "../parts/patient-lazy.ts";
import { offerImport, useImportOffer } from "./offer.ts";
import "./import.css";

const ImportDialog = patientLazy(() => import("./ImportDialog.tsx"));

/** Takes files that are dropped anywhere on the page, and shows the dialog of an import. */
export function Importer() {
  const { db } = useWorkspace();
  const offer = useImportOffer();
  const [over, setOver] = useState(false);

  useEffect(() => {
    // Leaving a child and entering the next one come in this order.
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    const listen = {
      dragenter(event: DragEvent) {
        if (!hasFiles(event)) return;
        event.preventDefault();
        depth += 1;
        setOver(true);
      },
      dragover(event: DragEvent) {
        if (hasFiles(event)) event.preventDefault();
      },
      dragleave(event: DragEvent) {
        if (!hasFiles(event)) return;
        depth -= 1;
        if (depth <= 0) setOver(false);
      },
      drop(event: DragEvent) {
        if (!hasFiles(event)) return;
        event.preventDefault();
        depth = 0;
        setOver(false);
        const [file] = event.dataTransfer?.files ?? [];
        if (file !== undefined) offerImport({ file });
      },
    };
    for (const [name, handler] of Object.entries(listen))
      addEventListener(name, handler as EventListener);
    return () => {
      for (const [name, handler] of Object.entries(listen))
        removeEventListener(name, handler as EventListener);
    };
  }, []);

  return (
    <>
      {over ? (
        <div className="drop" role="status">
          <FileDown aria-hidden size={28} />
          <p>Drop the file to import it{db === null ? "" : ` into ${db}`}</p>
        </div>
      ) : null}
      {offer === null ? null : (
        <Suspense fallback={null}>
          <ImportDialog
            // Another file begins anew.
            key={offer.file?.name ?? ""}
            db={db}
            offer={offer}
            onClose={() => offerImport(null)}
          />
        </Suspense>
      )}
    </>
  );
}
