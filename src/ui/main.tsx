import { setNonce } from "get-nonce";
import { createRoot } from "react-dom/client";
import { startWorkspace } from "./address/workspace.ts";
import { App } from "./shell/App.tsx";
import { styleNonce } from "./theme/nonce.ts";

// Radix makes a style element while a dialog is open; the page's policy wants it marked.
setNonce(styleNonce());
startWorkspace();
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
createRoot(root).render(<App />);
