/** The page itself; its other files are named in it. */
export const PAGE_NAME = "index.html";
/** Where those are served. */
export const PAGE_FOLDER = "/ui/";
