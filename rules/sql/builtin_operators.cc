// The operator names of PostgreSQL 15's pg_catalog, from
// `SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace`
// of a running 15.20. PostgreSQL is Copyright (c) 1996-2022, PostgreSQL Global Development Group, under
// the PostgreSQL Licence; the list is facts about its catalog, not its code.
#include "rules/sql/builtins.h"

#include <algorithm>
#include <array>

namespace sluice::rules::sql {
namespace {

// Sorted by byte value: looked up by binary search.
constexpr auto names = std::to_array<std::string_view>({
    "!!", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>", "%", "&", "&&", "&<", "&<|", "&>", "*", "*<",
    "*<=", "*<>", "*=", "*>", "*>=", "+", "-", "->", "->>", "-|-", "/", "<", "<->", "<<", "<<=", "<<|", "<=", "<>",
    "<@", "<^", "=", ">", ">=", ">>", ">>=", ">^", "\?", "\?#", "\?&", "\?-", "\?-|", "\?|", "\?||", "@", "@-@",
    "@>", "@\?", "@@", "@@@", "^", "^@", "|", "|&>", "|/", "|>>", "||", "||/", "~", "~*", "~<=~", "~<~", "~=",
    "~>=~", "~>~", "~~", "~~*",
});
static_assert(std::ranges::is_sorted(names));

}  // namespace

bool is_builtin_operator(std::string_view name) { return std::ranges::binary_search(names, name); }

}  // namespace sluice::rules::sql
