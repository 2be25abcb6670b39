/** SQL laid out for reading; the formatter comes when it is first asked for. */
export async function formatSql(sql: string): Promise<string> {
  const { formatDialect, sqlite } = await import("sql-formatter");
  return formatDialect(sql, {
    dialect: sqlite,
    keywordCase: "upper",
    tabWidth: 2,
    linesBetweenQueries: 1,
    paramTypes: { named: [":", "@", "$"], numbered: ["?"], positional: true },
  });
}
