/** Which pragmas and actions callers' SQL is allowed; the sandbox applies this. */
import { constants } from "node:sqlite";

/** Pragmas that only tell something; with an argument they still only tell. */
export const TELLING_PRAGMAS = new Set(
  `collation_list compile_options database_list foreign_key_check foreign_key_list function_list
  index_info index_list index_xinfo integrity_check module_list pragma_list quick_check table_info
  table_list table_xinfo`.split(/\s+/),
);
/** Pragmas that tell without an argument and change something with one. */
export const READABLE_PRAGMAS = new Set(
  `analysis_limit application_id auto_vacuum busy_timeout cache_size data_version
  defer_foreign_keys encoding foreign_keys freelist_count journal_mode journal_size_limit max_page_count
  page_count page_size query_only recursive_triggers schema_version secure_delete synchronous
  user_version wal_autocheckpoint`.split(/\s+/),
);
/** Pragmas that may be set: they belong to the file's owner, or last as long as the request. */
export const SETTABLE_PRAGMAS = new Set(
  `application_id case_sensitive_like defer_foreign_keys foreign_keys optimize recursive_triggers
  user_version`.split(/\s+/),
);

export const READING_ACTIONS = new Set<number>([
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
]);

/** What is changed by an action on a table, a trigger or an index: the position of the table's name. */
export const TABLE_ARGUMENT = new Map<number, 1 | 2>([
  [constants.SQLITE_INSERT, 1],
  [constants.SQLITE_UPDATE, 1],
  [constants.SQLITE_DELETE, 1],
  [constants.SQLITE_DROP_TABLE, 1],
  [constants.SQLITE_ALTER_TABLE, 2],
  [constants.SQLITE_CREATE_TRIGGER, 2],
  [constants.SQLITE_CREATE_TEMP_TRIGGER, 2],
  [constants.SQLITE_CREATE_INDEX, 2],
  [constants.SQLITE_DROP_INDEX, 2],
  [constants.SQLITE_CREATE_TABLE, 1],
  [constants.SQLITE_CREATE_VIEW, 1],
  [constants.SQLITE_CREATE_VTABLE, 1],
  [constants.SQLITE_DROP_VIEW, 1],
  [constants.SQLITE_DROP_VTABLE, 1],
]);

/** What changes rows of a table, as opposed to the schema. */
export const WRITING_ACTIONS = new Set<number>([
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
]);

/** What makes a temporary object that hides one of the file; its name comes first. */
export const HIDING_ACTIONS = new Set<number>([
  constants.SQLITE_CREATE_TEMP_TABLE,
  constants.SQLITE_CREATE_TEMP_VIEW,
]);
