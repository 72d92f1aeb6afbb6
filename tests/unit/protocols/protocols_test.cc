#include "protocols/protocols.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Protocols, a_name_that_is_not_on_the_list_is_no_protocol) {
  ASSERT_NE(find_protocol("postgres"), nullptr);
  EXPECT_EQ(find_protocol("postgres")->default_port, 5432);
  for (const std::string_view name : {"", "Postgres", "postgresql", "postgres ", "mysql"}) {
    EXPECT_EQ(find_protocol(name), nullptr) << name;
  }
}

}  // namespace
}  // namespace sluice
