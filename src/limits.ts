/** Every limit, with its unit. What a setting can change is only the default here. */

/** Longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 2048;
/** Longest name of who writes, in characters. */
export const MAX_ACTOR_CHARS = 256;
/** Longest name of a key-value table, in characters. */
export const MAX_TABLE_NAME_CHARS = 64;
/** Names of key-value tables whose statements are remembered. */
export const MAX_KNOWN_RELATIONS = 1000;
/** Largest value in bytes, unless --max-value-bytes says otherwise. */
export const DEFAULT_MAX_VALUE_BYTES = 64 * 1024 * 1024;
/**
 * Deepest JSON, in levels of objects and arrays: SQLite takes no deeper text for JSON. A deeper PUT is
 * kept as the bytes it is, typed text/plain.
 */
export const MAX_JSON_LEVELS = 1000;
/** Largest delta of incr and decr: what a signed 64-bit integer holds. */
export const MAX_DELTA = 0x7fff_ffff_ffff_ffffn;
/** Deepest JSON path, in steps. */
export const MAX_PATH_STEPS = 100;
/** Longest text accepted as a JSON path, in characters. */
export const MAX_PATH_CHARS = 4096;

/**
 * Address and headers of a request, in bytes. SQL stands in addresses, that of a search in all columns
 * of a wide table among it.
 */
export const MAX_REQUEST_HEAD_BYTES = 256 * 1024;
/** Largest request body in bytes, unless --max-body-bytes says otherwise. */
export const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Largest answer to user SQL, in bytes of JSON. */
export const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
/** BLOBs of up to so many bytes are in answers with `cells=brief`; of others only their size. */
export const BRIEF_BLOB_BYTES = 16 * 1024;

/** Rows of one SQL result; more are cut and reported as `truncated` (contract 1.1, 1.2). */
export const MAX_SQL_ROWS = 10_000;
/** Items of one SQL transaction (contract section 7). */
export const MAX_TRANSACTION_ITEMS = 10_000;
/** Value sets of one item's valuesBatch. */
export const MAX_BATCH_ROWS_PER_ITEM = 100_000;
/** Value sets of all items of a request together. */
export const MAX_BATCH_ROWS_PER_REQUEST = 1_000_000;
/** Largest text or BLOB that SQLite makes or reads for callers' SQL, in bytes. */
export const MAX_SQL_VALUE_BYTES = 512 * 1024 * 1024;

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
/** Age from which an unfinished file in directory mode is taken for a crash's, in milliseconds. */
export const UNFINISHED_FILE_MAX_AGE_MS = 60 * 60 * 1000;
/** Folders that a server remembers to have cleared of such files. */
export const MAX_TIDIED_FOLDERS = 10_000;
/** Beyond this offset a list page is read in another process: skipping rows takes time. */
export const MAX_OFFSET_HERE_KEYS = 2000;

/** How long the result of a request with an Idempotency-Key is kept, and how large it may be, in bytes of JSON (contract 1.32). */
export const IDEMPOTENCY_TTL_MS = 24 * 3_600_000;
export const MAX_IDEMPOTENT_RESULT_BYTES = 1024 * 1024;
/** Longest Idempotency-Key, in characters. */
export const MAX_IDEMPOTENCY_KEY_CHARS = 255;

/** Entries of a key's history: when nothing is said, and at the most (contract section 7). */
export const DEFAULT_HISTORY_ENTRIES = 50;
export const MAX_HISTORY_ENTRIES = 1000;
/** Operations that one rollback of a key can undo. */
export const MAX_ROLLBACK_STEPS = 50_000;
/** Beyond this many a rollback of a key runs in another process. */
export const MAX_STEPS_HERE = 200;
/** Entries of `keys` and of `exclude_keys` of a table's rollback. */
export const MAX_ROLLBACK_KEYS = 10_000;
/** Keys that a difference or the preview of a rollback tells one by one, and operations between. */
export const MAX_DIFF_KEYS = 10_000;
export const MAX_DIFF_OPERATIONS = 50_000;
/** Keys of one table snapshot, where `limit=0` asks for all. */
export const MAX_SNAPSHOT_KEYS = 100_000;
/**
 * Operations that SQL at a moment looks at one by one: in all, or for each key of the table. Where there
 * are more, it looks each key's up, which takes as long as about 200 others.
 */
export const MAX_SCANNED_OPERATIONS = 1_000_000;
export const MAX_SCANNED_OPERATIONS_PER_KEY = 100;
/** Parts of a table's past that one answer tells the operations of. */
export const MAX_MOMENT_BUCKETS = 500;
/** Beyond this many they are counted in another process: each costs two dozen steps in the log. */
export const MAX_BUCKETS_HERE = 20;

/** Changes of one answer: when nothing is said, and at the most (contract 1.32). */
export const DEFAULT_CHANGES = 100;
export const MAX_CHANGES = 1000;
/** Rows of the log that are looked at for one answer; with a prefix most may be about other keys. */
export const MAX_SCANNED_CHANGES = 10_000;
/** Values of changes together in one answer, in bytes; what comes after says `value_omitted`. */
export const MAX_CHANGE_VALUE_BYTES = 4 * 1024 * 1024;
/** Longest wait for a change, in seconds. */
export const MAX_CHANGE_WAIT_S = 60;
/** How often those who follow changes look for what other programs wrote, and say that they live. */
export const CHANGE_POLL_MS = 1000;
export const CHANGE_HEARTBEAT_MS = 15_000;
/** Streams of changes that one server keeps open. */
export const MAX_CHANGE_STREAMS = 1000;

/** Rows of a history that are dropped in one transaction; other writes get their turn in between. */
export const PRUNE_BATCH_ROWS = 2000;
/** How often old history is dropped, where a retention is set. */
export const PRUNE_INTERVAL_MS = 60_000;

/** Time a request may take, in seconds: when nothing is said, and its bounds (contract 0.1). */
export const DEFAULT_TIMEOUT_S = 30;
export const MIN_TIMEOUT_S = 1;
export const MAX_TIMEOUT_S = 300;

/** Silence after which a connection is dropped, in seconds, unless --idle-timeout says otherwise. */
export const DEFAULT_IDLE_TIMEOUT_S = 60;
/** The longest that Bun can be told. */
export const MAX_IDLE_TIMEOUT_S = 255;
/** How much longer than its deadline the answer to a request may take to leave, in seconds. */
export const ANSWER_GRACE_S = 10;
/** How long a stopping server waits for callers' SQL; what runs longer is undone and told 503. */
export const STATEMENT_GRACE_MS = 5000;
/** How long a browser may keep the answer to a preflight, in seconds. */
export const PREFLIGHT_MAX_AGE_S = 600;

/** Longest time to live: 100 years. Beyond it a sum with the present could leave the exact integers. */
export const MAX_TTL_MS = 100 * 365 * 86_400_000;
/** Keys removed by one sweep of the expiry timer; other writes get their turn in between. */
export const EXPIRY_BATCH_KEYS = 500;
/** The expiry timer looks again after this long, whatever it expects. */
export const EXPIRY_MAX_SLEEP_MS = 60_000;

/** Largest JSON body of a batch, in bytes: it is parsed on the server's thread. */
export const MAX_JSON_BODY_BYTES = 16 * 1024 * 1024;
/** A plan that works on more bytes than this runs in a process of its own. */
export const LARGE_PLAN_BYTES = 1024 * 1024;
/** Plans that share one transaction at the most, and the time they may take together. */
export const COMMIT_BATCH_PLANS = 512;
export const COMMIT_BATCH_MS = 8;
/** Pause before another program's write lock is tried again. */
export const BUSY_RETRY_MS = 5;
/** Write-ahead log size from which a background checkpoint starts, in bytes. */
export const CHECKPOINT_WAL_BYTES = 32 * 1024 * 1024;
/** How long one of the engine's own jobs may take, and how long it waits for another program's lock. */
export const HOUSEKEEPING_TIMEOUT_MS = 60_000;
export const HOUSEKEEPING_BUSY_MS = 200;
/** Page cache of one open database, in KiB. */
export const PAGE_CACHE_KIB = 16 * 1024;
/** Open databases that are kept, unless --max-open-databases says otherwise. */
export const DEFAULT_MAX_OPEN_DATABASES = 100;
/** How often a database in use is compared with the file at its path. */
export const FILE_CHECK_INTERVAL_MS = 250;
/** How long the opening or making of a database may take, and wait for another program's lock. */
export const OPEN_TIMEOUT_MS = 60_000;
export const OPEN_BUSY_MS = 5000;
/** How long the deletion of a database may take, and wait for another program to let go of the file. */
export const REMOVE_TIMEOUT_MS = 60_000;
export const REMOVE_BUSY_MS = 1000;
/** How long the list of a folder's databases may take. */
export const LIST_TIMEOUT_MS = 30_000;
/** How long a database waits for one of the others to be closed. */
export const MAKE_ROOM_MS = 5000;
/** A database is not closed sooner after its last use, so that no request is caught in between. */
export const MIN_IDLE_MS = 20;

/** Jobs that may wait for a runner process before a caller is told 503. */
export const MAX_QUEUED_JOBS = 256;
/** Bytes of one stream that may be under way between server and runner, in each direction. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
/** A stream's rows are gathered to about this many bytes before they travel. */
export const STREAM_CHUNK_BYTES = 64 * 1024;

/** Rows of a table that the schema counts; larger tables are estimated. */
export const SCHEMA_EXACT_ROWS = 10_000;
/** Time that the counting of all tables of a schema may take, in milliseconds. */
export const SCHEMA_COUNT_BUDGET_MS = 250;
/** Time that the sizes of all tables of a schema may take, in milliseconds. */
export const SCHEMA_SIZE_BUDGET_MS = 1000;
/** How long maintenance waits for readers and other programs that are in its way. */
export const MAINTENANCE_BUSY_MS = 1000;
/** Problems that a check reports at the most. */
export const MAX_CHECK_PROBLEMS = 100;
/** Rows of a slow query do not wait longer than this for a chunk to fill. */
export const STREAM_FLUSH_MS = 500;
/** Bounds of `max_chars`, the longest answer that a caller can ask for. */
export const MIN_MAX_CHARS = 100;
/** Memory of a whole runner process: at the most, and for one that is kept for the next job. */
export const RUNNER_MEMORY_BYTES = 1536 * 1024 * 1024;
export const RUNNER_KEPT_BYTES = 256 * 1024 * 1024;
/** How often working runners are looked at. */
export const RUNNER_WATCH_MS = 100;
/** How long a runner keeps a read-only connection open for its next job. */
export const KEPT_READER_MS = 250;

/** Largest upload of an import in bytes, unless --max-import-bytes says otherwise. */
export const DEFAULT_MAX_IMPORT_BYTES = 64 * 1024 ** 3;
/** Largest row of an import, in bytes of CSV or letters of NDJSON. */
export const MAX_IMPORT_ROW_BYTES = 64 * 1024 * 1024;
/** What is read of an import to find the types of its columns: rows, or letters if those are more. */
export const IMPORT_SAMPLE_ROWS = 10_000;
export const IMPORT_SAMPLE_CHARS = 8 * 1024 * 1024;
/** Columns that an import may have; SQLite's own limit. */
export const MAX_IMPORT_COLUMNS = 2000;
/** How often an import tells of its progress: rows, or bytes of a database file. */
export const IMPORT_PROGRESS_ROWS = 10_000;
export const IMPORT_PROGRESS_BYTES = 16 * 1024 * 1024;
/** Page cache of an import, in KiB: index pages are written often. */
export const IMPORT_CACHE_KIB = 64 * 1024;
/** Longest name of an imported table, in characters. */
export const MAX_IMPORT_NAME_CHARS = 200;

/** Shortest secret that signs tokens, in characters. */
export const MIN_TOKEN_SECRET_CHARS = 32;
/** Longest name of a token, in characters. */
export const MAX_TOKEN_NAME_CHARS = 64;
/** Entries of each list of a token, and the length of one, in characters. */
export const MAX_GRANT_ENTRIES = 100;
export const MAX_GRANT_ENTRY_CHARS = 512;
/** Patterns of tokens that are kept compiled. */
export const MAX_KNOWN_GLOBS = 1000;
/** Longest life of a token or a share link: 10 years. */
export const MAX_TOKEN_LIFE_MS = 10 * 365 * 86_400_000;
/** Longest token that is looked at, in characters. */
export const MAX_TOKEN_CHARS = 4096;
/** Tokens that are remembered as genuine. */
export const MAX_KNOWN_TOKENS = 1000;
/** Query strings whose meaning is remembered, and how long they may be, in characters. */
export const MAX_KNOWN_QUERIES = 1000;
export const MAX_KNOWN_QUERY_CHARS = 200;
/** Longest query of a share link, or of one that is saved, with its values, in characters. */
export const MAX_KEPT_SQL_CHARS = 100_000;
/** Longest name of a saved query, in characters, and longest text of its chart. */
export const MAX_SAVED_NAME_CHARS = 200;
export const MAX_SAVED_CHART_CHARS = 10_000;
/** Saved queries of one database: how many, and what they may take together, in bytes. */
export const MAX_SAVED_QUERIES = 500;
export const MAX_SAVED_QUERIES_BYTES = 4 * 1024 * 1024;
/** Wrong tokens from one address before it has to wait, and how long one counts. */
export const MAX_FAILED_TOKENS = 10;
export const FAILED_TOKEN_MEMORY_MS = 60_000;
/** Right tokens of one address that are remembered. */
export const MAX_ACCEPTED_TOKENS = 16;
/** Addresses whose wrong tokens are counted at a time. */
export const MAX_WATCHED_ADDRESSES = 10_000;
/** Expired tokens and links are listed for so long. */
export const FORGOTTEN_AFTER_MS = 30 * 86_400_000;
/** How long tokens and share links live when nothing is said. */
export const DEFAULT_TOKEN_LIFE = "30d";
export const DEFAULT_SHARE_LIFE = "7d";
/** Entries of the query log that are kept per database, unless --query-log-max says otherwise. */
export const DEFAULT_QUERY_LOG_ENTRIES = 1000;
export const MAX_QUERY_LOG_ENTRIES = 10_000;
/** Entries of what pages read by themselves, kept per database beside the others. */
export const MAX_LOGGED_PAGE_READS = 250;
/** Entries of a page of the query log: when nothing is said, and at the most (contract 1.23). */
export const DEFAULT_QUERY_LOG_PAGE = 100;
export const MAX_QUERY_LOG_PAGE = 1000;
/** The SQL, the values and the error of an entry are cut to so many characters. */
export const MAX_LOGGED_SQL_CHARS = 10_000;
export const MAX_LOGGED_VALUES_CHARS = 2000;
export const MAX_LOGGED_ERROR_CHARS = 1000;
/** What may wait to be written to the query log, in characters; beyond it the oldest is dropped. */
export const QUERY_LOG_BUFFER_CHARS = 16 * 1024 * 1024;
/** Entries written in one transaction of the query log. */
export const QUERY_LOG_BATCH_ENTRIES = 250;
/** How long an entry waits to be written. */
export const QUERY_LOG_DELAY_MS = 500;
/** After a failure the query log is left alone for so long. */
export const QUERY_LOG_RETRY_MS = 30_000;
