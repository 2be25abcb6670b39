import { Panel, useReactFlow } from "@xyflow/react";
import { ImageDown, WandSparkles } from "lucide-react";
import { Button } from "../../parts/Button.tsx";
import { Menu, MenuItem } from "../../parts/Menu.tsx";
import { saveFile } from "../../parts/save-file.ts";
import { toastFailure } from "../../parts/Toast.tsx";
import { toPng } from "./picture.ts";

export interface DiagramActionsProps {
  /** Of the database. */
  name: string;
  svg(): string;
  /** Absent when every box stands where the layout put it. */
  onTidy: (() => void) | undefined;
}

/** What can be done with the drawing. */
export function DiagramActions({ name, svg, onTidy }: DiagramActionsProps) {
  const flow = useReactFlow();
  const file =
    name
      .split("/")
      .at(-1)
      ?.replace(/\.(db|sqlite3?)$/i, "") || "diagram";
  const save = async (kind: "svg" | "png") => {
    const picture = svg();
    saveFile(
      kind === "svg" ? new Blob([picture], { type: "image/svg+xml" }) : await toPng(picture),
      `${file}.${kind}`,
    );
  };
  return (
    <Panel position="top-right" className="diagram-actions">
      {onTidy === undefined ? null : (
        <Button
          icon={WandSparkles}
          onClick={() => {
            onTidy();
            requestAnimationFrame(() => void flow.fitView({ padding: 0.1, maxZoom: 1 }));
          }}
        >
          Tidy up
        </Button>
      )}
      <Menu align="end" trigger={<Button icon={ImageDown}>Picture</Button>}>
        <MenuItem onSelect={() => void save("svg").catch(toastFailure)}>SVG file</MenuItem>
        <MenuItem onSelect={() => void save("png").catch(toastFailure)}>PNG file</MenuItem>
      </Menu>
    </Panel>
  );
}
