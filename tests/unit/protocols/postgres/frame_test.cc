#include "protocols/postgres/frame.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/protocols/postgres/wire.h"

namespace sluice::pg {
namespace {
using namespace test;

constexpr FrontendCaps roomy{256U << 10, 1U << 20};

TEST(PgFrame, every_frontend_type_of_the_manual_has_one_row_and_no_other_byte_has) {
  const std::string types = "BCdcfDEHFPpQSX";
  EXPECT_EQ(frontend_messages.size(), types.size());
  for (int byte = 0; byte < 256; ++byte) {
    const bool known = byte != 0 && types.find(static_cast<char>(byte)) != std::string::npos;
    EXPECT_EQ(frontend_index[static_cast<size_t>(byte)] != nullptr, known) << byte;
  }
}

TEST(PgFrame, every_backend_type_of_the_manual_has_one_row_and_no_other_byte_has) {
  const std::string types = "RKSZTDCIENA123nstGHWdcVv";
  EXPECT_EQ(backend_messages.size(), types.size());
  for (int byte = 0; byte < 256; ++byte) {
    const bool known = byte != 0 && types.find(static_cast<char>(byte)) != std::string::npos;
    EXPECT_EQ(backend_index[static_cast<size_t>(byte)] != nullptr, known) << byte;
  }
}

TEST(PgFrame, only_row_data_and_copy_data_may_stream) {
  for (const auto& spec : frontend_messages) EXPECT_EQ(spec.inspected, spec.type != Frontend::CopyData) << spec.name;
  for (const auto& spec : backend_messages) {
    EXPECT_EQ(spec.inspected, spec.type != Backend::DataRow && spec.type != Backend::CopyData) << spec.name;
  }
}

TEST(PgFrame, promise_01_unknown_means_no_a_type_byte_alone_is_enough_to_refuse) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    const auto got = frontend_header(as_bytes(one), Phase::Ready, roomy);
    if (frontend_index[static_cast<size_t>(byte)] == nullptr) {
      ASSERT_FALSE(got) << byte;
      EXPECT_EQ(got.error(), FrameError::UnknownType);
    }
    const auto back = backend_header(as_bytes(one));
    EXPECT_EQ(back.has_value(), backend_index[static_cast<size_t>(byte)] != nullptr) << byte;
  }
}

TEST(PgFrame, no_bytes_are_neither_an_answer_nor_an_error) {
  for (const Phase phase : {Phase::Startup, Phase::Authentication, Phase::Ready, Phase::CopyIn}) {
    const auto got = frontend_header({}, phase, roomy);
    ASSERT_TRUE(got);
    EXPECT_FALSE(got->has_value());
  }
  ASSERT_TRUE(backend_header({}));
  EXPECT_FALSE(backend_header({})->has_value());
}

TEST(PgFrame, a_message_is_legal_in_its_phases_only) {
  struct Row {
    Phase phase;
    std::string_view legal;
  };
  static constexpr Row rows[] = {
      {Phase::Startup, ""},  // The first packet has no type byte.
      {Phase::Authentication, "pX"},
      {Phase::Ready, "BCdcfDEHFPQSX"},
      {Phase::CopyIn, "dcfHSX"},
  };
  for (const Row& row : rows) {
    for (const auto& spec : frontend_messages) {
      const std::string wire = header(static_cast<char>(spec.type), 4);
      const bool want = row.legal.find(static_cast<char>(spec.type)) != std::string_view::npos;
      const auto got = frontend_header(as_bytes(wire), row.phase, roomy);
      EXPECT_EQ(got.has_value(), want) << spec.name << " in phase " << static_cast<int>(row.phase);
      if (!got) {
        EXPECT_EQ(got.error(), FrameError::IllegalInPhase);
      }
      // Judged by the type byte alone.
      EXPECT_EQ(frontend_header(as_bytes(wire).first(1), row.phase, roomy).has_value(), want);
    }
  }
}

TEST(PgFrame, promise_02_length_is_judged_before_it_is_waited_for_bug_class_02) {
  struct Row {
    const char* why;
    char type;
    uint32_t length;
    FrameError want;
  };
  static constexpr Row rows[] = {
      {"zero covers not even itself", 'Q', 0, FrameError::LengthTooSmall},
      {"three does not cover the field", 'Q', 3, FrameError::LengthTooSmall},
      {"one", 'B', 1, FrameError::LengthTooSmall},
      {"negative as a signed number, smallest", 'Q', 0x8000'0000, FrameError::LengthTooLarge},
      {"minus one: adding the type byte wraps to zero", 'Q', 0xFFFF'FFFF, FrameError::LengthTooLarge},
      {"minus five: adding the header wraps to zero", 'd', 0xFFFF'FFFB, FrameError::LengthTooLarge},
      {"4 GiB of payload become a short message after a wrap", 'B', 0xFFFF'FFFE, FrameError::LengthTooLarge},
      {"one more than a backend could hold", 'd', frontend_data_size_max + 5, FrameError::LengthTooLarge},
      {"Sync carries nothing", 'S', 5, FrameError::LengthTooLarge},
      {"Flush carries nothing", 'H', 5, FrameError::LengthTooLarge},
      {"Terminate carries nothing", 'X', 5, FrameError::LengthTooLarge},
      {"CopyDone carries nothing", 'c', 5, FrameError::LengthTooLarge},
      {"Describe is a name", 'D', 10'001, FrameError::LengthTooLarge},
      {"Close is a name", 'C', 10'001, FrameError::LengthTooLarge},
      {"Execute is a name and a count", 'E', 10'001, FrameError::LengthTooLarge},
      {"CopyFail is a sentence", 'f', 10'001, FrameError::LengthTooLarge},
      {"a statement over the cap is told apart", 'Q', 4 + (256U << 10) + 4096 + 1, FrameError::OverStatementCap},
      {"so is one in Parse", 'P', 4 + (256U << 10) + 4096 + 1, FrameError::OverStatementCap},
      {"so are parameters", 'B', 4 + (1U << 20) + 1, FrameError::OverBindCap},
      {"up to what a server would take", 'Q', frontend_data_size_max + 4, FrameError::OverStatementCap},
      {"but not beyond", 'Q', frontend_data_size_max + 5, FrameError::LengthTooLarge},
      {"nor for Bind", 'B', frontend_data_size_max + 5, FrameError::LengthTooLarge},
  };
  for (const Row& row : rows) {
    const std::string wire = header(row.type, row.length);
    const auto got = frontend_header(as_bytes(wire), Phase::Ready, roomy);
    ASSERT_FALSE(got) << row.why;
    EXPECT_EQ(got.error(), row.want) << row.why << ": " << explain(got.error());
  }
}

TEST(PgFrame, the_largest_length_each_message_may_have_is_taken) {
  for (const auto& spec : frontend_messages) {
    const Phase phase = spec.type == Frontend::Password ? Phase::Authentication : Phase::Ready;
    const FrontendCaps no_caps{UINT32_MAX, UINT32_MAX};  // Also: the sum of cap and names must not wrap.
    const std::string most = header(static_cast<char>(spec.type), spec.body_size_max + 4);
    const auto got = frontend_header(as_bytes(most), phase, no_caps);
    ASSERT_TRUE(got) << spec.name;
    EXPECT_EQ((*got)->body_size, spec.body_size_max);
    EXPECT_EQ((*got)->frontend(), spec.type);
    EXPECT_EQ((*got)->frame_size(), size_t{spec.body_size_max} + header_size);
    const std::string more = header(static_cast<char>(spec.type), spec.body_size_max + 5);
    EXPECT_EQ(frontend_header(as_bytes(more), phase, no_caps).error(), FrameError::LengthTooLarge) << spec.name;
  }
}

TEST(PgFrame, promise_12_a_server_is_held_to_its_lengths_too_bug_class_19) {
  for (const auto& spec : backend_messages) {
    const auto at = [&](uint32_t length) { return header(static_cast<char>(spec.type), length); };
    const auto most = backend_header(as_bytes(at(spec.body_size_max + 4)));
    ASSERT_TRUE(most) << spec.name;
    EXPECT_EQ((*most)->body_size, spec.body_size_max);
    EXPECT_EQ((*most)->backend(), spec.type);
    EXPECT_EQ(backend_header(as_bytes(at(spec.body_size_max + 5))).error(), FrameError::LengthTooLarge) << spec.name;
    EXPECT_EQ(backend_header(as_bytes(at(0xFFFF'FFFF))).error(), FrameError::LengthTooLarge) << spec.name;
    EXPECT_EQ(backend_header(as_bytes(at(0x8000'0000))).error(), FrameError::LengthTooLarge) << spec.name;
    for (uint32_t small = 0; small < 4; ++small) {
      EXPECT_EQ(backend_header(as_bytes(at(small))).error(), FrameError::LengthTooSmall) << spec.name;
    }
  }
}

TEST(PgFrame, zero_caps_let_no_statement_through_beyond_the_names) {
  const auto got = frontend_header(as_bytes(header('Q', 4 + 4097)), Phase::Ready, FrontendCaps{});
  EXPECT_EQ(got.error(), FrameError::OverStatementCap);
  EXPECT_EQ(frontend_header(as_bytes(header('B', 5)), Phase::Ready, FrontendCaps{}).error(), FrameError::OverBindCap);
}

TEST(PgFrame, a_statement_over_the_cap_says_how_much_to_skip) {
  const std::string wire = header('Q', 1'000'000);
  ASSERT_EQ(frontend_header(as_bytes(wire), Phase::Ready, roomy).error(), FrameError::OverStatementCap);
  EXPECT_EQ(body_size_of(as_bytes(wire)), 999'996U);
}

TEST(PgFrame, a_header_is_the_same_wherever_the_network_splits_it) {
  for (const auto& spec : frontend_messages) {
    const Phase phase = spec.type == Frontend::Password ? Phase::Authentication : Phase::Ready;
    const std::string wire = frame(static_cast<char>(spec.type), std::string(std::min(spec.body_size_max, 40U), 'x'));
    for (size_t split = 0; split <= wire.size(); ++split) {
      const std::string prefix = wire.substr(0, split);
      const auto got = frontend_header(as_bytes(prefix), phase, roomy);
      ASSERT_TRUE(got) << spec.name;
      EXPECT_EQ(got->has_value(), split >= header_size) << spec.name << " cut at " << split;
      if (*got) {
        EXPECT_EQ((*got)->frame_size(), wire.size());
      }
    }
  }
  for (const auto& spec : backend_messages) {
    const std::string wire = frame(static_cast<char>(spec.type), std::string(std::min(spec.body_size_max, 40U), 'x'));
    for (size_t split = 0; split <= wire.size(); ++split) {
      const std::string prefix = wire.substr(0, split);
      const auto got = backend_header(as_bytes(prefix));
      ASSERT_TRUE(got) << spec.name;
      EXPECT_EQ(got->has_value(), split >= header_size) << spec.name << " cut at " << split;
      if (*got) {
        EXPECT_EQ((*got)->frame_size(), wire.size());
      }
    }
  }
}

TEST(PgFrame, every_error_has_a_sentence_of_its_own) {
  std::set<std::string_view> sentences;
  for (const auto error : {FrameError::UnknownType, FrameError::LengthTooSmall, FrameError::LengthTooLarge,
                           FrameError::IllegalInPhase, FrameError::OverStatementCap, FrameError::OverBindCap}) {
    sentences.insert(explain(error));
  }
  EXPECT_EQ(sentences.size(), 6U);
}

}  // namespace
}  // namespace sluice::pg
