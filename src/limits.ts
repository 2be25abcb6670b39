/** Every limit, with its unit. What a setting can change is only the default here. */

/** Longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 2048;
/** Longest name of a key-value table, in characters. */
export const MAX_TABLE_NAME_CHARS = 64;
/** Deepest JSON path, in steps. */
export const MAX_PATH_STEPS = 100;
/** Longest text accepted as a JSON path, in characters. */
export const MAX_PATH_CHARS = 4096;

/** Largest request body in bytes, unless --max-body-bytes says otherwise. */
export const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Largest answer to user SQL, in bytes of JSON. */
export const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;

/** Rows of one SQL result; more are cut and reported as `truncated` (contract 1.1, 1.2). */
export const MAX_SQL_ROWS = 10_000;
/** Items of one SQL transaction (contract section 7). */
export const MAX_TRANSACTION_ITEMS = 10_000;
/** Value sets of one item's valuesBatch. */
export const MAX_BATCH_ROWS_PER_ITEM = 100_000;
/** Value sets of all items of a request together. */
export const MAX_BATCH_ROWS_PER_REQUEST = 1_000_000;
/** Heap that SQLite may use inside one runner process, in bytes. */
export const RUNNER_SQLITE_HEAP_BYTES = 512 * 1024 * 1024;

/** Entries of a batch (contract section 7). */
export const MAX_BATCH_KEYS = 100;
/** Keys of a prefix that are deleted in one transaction; other writes get their turn in between. */
export const DELETE_BATCH_KEYS = 500;
/** Keys of a list page: when nothing is said, and at the most (contract 1.8). */
export const DEFAULT_LIST_KEYS = 100;
export const MAX_LIST_KEYS = 1000;
/** Files and folders that a list in directory mode looks at; its order and total need them all. */
export const MAX_LISTED_FILES = 50_000;
/** Longest name of a file or folder, in bytes; the usual file systems have no longer ones. */
export const MAX_FILE_NAME_BYTES = 255;
/** Beyond this offset a list page is read in another process: skipping rows takes time. */
export const MAX_OFFSET_HERE_KEYS = 2000;

/** Time a request may take, in seconds: when nothing is said, and its bounds (contract 0.1). */
export const DEFAULT_TIMEOUT_S = 30;
export const MIN_TIMEOUT_S = 1;
export const MAX_TIMEOUT_S = 300;

/** Longest time to live: 100 years. Beyond it a sum with the present could leave the exact integers. */
export const MAX_TTL_MS = 100 * 365 * 86_400_000;
/** Keys removed by one sweep of the expiry timer; other writes get their turn in between. */
export const EXPIRY_BATCH_KEYS = 500;
/** The expiry timer looks again after this long, whatever it expects. */
export const EXPIRY_MAX_SLEEP_MS = 60_000;

/** Plans that share one transaction at the most, and the time they may take together. */
export const COMMIT_BATCH_PLANS = 512;
export const COMMIT_BATCH_MS = 8;
/** Pause before another program's write lock is tried again. */
export const BUSY_RETRY_MS = 5;
/** Write-ahead log size from which a background checkpoint starts, in bytes. */
export const CHECKPOINT_WAL_BYTES = 32 * 1024 * 1024;
/** Page cache of one open database, in KiB. */
export const PAGE_CACHE_KIB = 16 * 1024;
/** Open databases that are kept, unless --max-open-databases says otherwise. */
export const DEFAULT_MAX_OPEN_DATABASES = 100;
/** How often a database in use is compared with the file at its path. */
export const FILE_CHECK_INTERVAL_MS = 250;

/** Jobs that may wait for a runner process before a caller is told 503. */
export const MAX_QUEUED_JOBS = 256;
/** Bytes of one stream that may be under way between server and runner, in each direction. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
/** A stream's rows are gathered to about this many bytes before they travel. */
export const STREAM_CHUNK_BYTES = 64 * 1024;
/** Rows of a slow query do not wait longer than this for a chunk to fill. */
export const STREAM_FLUSH_MS = 500;
/** Bounds of `max_chars`, the longest answer that a caller can ask for. */
export const MIN_MAX_CHARS = 100;
