// Names that relations and columns had are kept, so that a rule follows what it is bound to.
#include "model/catalog.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

Catalog with(CatalogRelation relation) {
  Catalog catalog;
  catalog.relations.emplace(relation.oid, std::move(relation));
  return catalog;
}

TEST(catalog, former_names_are_kept_through_every_rename) {
  const Catalog first = with({7, "hr", "people", 'r', {{"salary", 1, 23}, {"id", 2, 23}}, {}});
  Catalog second = with({7, "hr", "staff", 'r', {{"pay", 1, 23}, {"id", 2, 23}}, {}});
  keep_former_names(first, second);
  Catalog third = with({7, "old", "staff", 'r', {{"wage", 1, 23}, {"id", 2, 23}, {"salary", 3, 23}}, {}});
  keep_former_names(second, third);
  const CatalogRelation& now = third.relations.at(7);
  EXPECT_EQ(now.former_names, (std::vector<QualifiedName>{{"hr", "people"}, {"hr", "staff"}}));
  EXPECT_EQ(now.columns[0].former_names, (std::vector<std::string>{"salary", "pay"}));
  EXPECT_TRUE(now.columns[1].former_names.empty());
  EXPECT_TRUE(now.columns[2].former_names.empty()) << "a new column has no past";
  Catalog back = with({7, "hr", "people", 'r', {{"salary", 1, 23}}, {}});
  keep_former_names(third, back);
  Catalog again = back;
  keep_former_names(back, again);
  EXPECT_EQ(again.relations.at(7).former_names.size(), 3U) << "no name is kept twice";
}

TEST(catalog, another_relation_takes_over_no_name) {
  const Catalog before = with({7, "hr", "people", 'r', {{"salary", 1, 23}}, {}});
  Catalog now = with({8, "hr", "people", 'r', {{"salary", 1, 23}}, {}});
  keep_former_names(before, now);
  EXPECT_TRUE(now.relations.at(8).former_names.empty());
}

}  // namespace
}  // namespace sluice
