// What the server still owes the client, in order. Every message that the server answers has an entry;
// answers are matched with the front. This is how a refusal stands in its own place, a portal keeps
// its own masks, and an outcome finds its intent, however deep the client pipelines.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "base/crypto.h"
#include "gateway/held_rules.h"
#include "model/facts.h"
#include "model/verdict.h"
#include "rules/ruleset/analyzer.h"
#include "rules/ruleset/ruleset.h"

namespace sluice::gateway {

/// A text the client prepared, or sent as a simple query: judged once. When rules change a copy is
/// judged, since what runs already keeps what it was judged by.
struct Statement {
  uint64_t id = 0;   ///< In records.
  std::string text;  ///< To record: secrets blanked.
  bool text_is_digest = false;
  rules::FactsPtr facts;  ///< Null: the grammar did not understand it.
  Decision decision;
  uint64_t epoch = 0;       ///< Of the rules that decided, and whose words `decision` borrows; see HeldRules.
  bool named = false;       ///< Prepared under a name, which SQL can reach as well.
  bool tainted = false;     ///< May read something under a column mask.
};
using StatementPtr = std::shared_ptr<Statement>;

/// Bytes that follow under an intent without being recorded themselves: COPY data, large parameters.
struct Streamed {
  Sha256 hash;
  uint64_t bytes = 0;
};
using StreamedPtr = std::shared_ptr<Streamed>;

/// A mask plan with the rules it was made by, which it borrows from.
struct BoundPlan {
  HeldRules rules;
  rules::MaskPlan plan;
};
using PlanPtr = std::shared_ptr<const BoundPlan>;

/// What a COPY TO STDOUT that runs is masked by.
struct CopyMasks {
  HeldRules rules;
  rules::CopyPlan bound;
  CopyOut format;
  bool header_due = false;  ///< The next row is the names of the columns.
};

struct Portal {
  StatementPtr statement;
  PlanPtr plan;             ///< Null: not described yet.
  int columns = -1;         ///< Of its rows; -1: not described.
  uint64_t described = 0;   ///< The epoch of rules its last Describe was sent under; 0: none was.
  uint64_t intent_seq = 0;  ///< Of the Bind that made it; 0 once its outcome is written.
  uint64_t epoch = 0;       ///< Of the rules that Bind was recorded under.
  uint64_t started_ns = 0;
  StreamedPtr streamed;  ///< Large parameters; null: they are in the record.
};
using PortalPtr = std::shared_ptr<Portal>;

/// Why something was refused: what the client is told in place of the server's own error.
struct Refusal {
  std::string sqlstate = "42501";
  std::string message;
  std::string detail;
  std::string hint;
  bool server_words = false;      ///< The server's own error is relayed with only its message replaced.
  std::string expected_sqlstate;  ///< Of the server's error for the substitute; another one is relayed.
};

enum class EntryKind : uint8_t { Query, Parse, Bind, DescribeStatement, DescribePortal, Execute, Close, Sync };

struct Entry {
  EntryKind kind = EntryKind::Sync;
  bool injected = false;  ///< Ours, not the client's: its answer is swallowed.
  bool probe = false;     ///< A Parse that only asks whether the server knows the text.
  bool closed = false;    ///< A Parse or Bind whose name was closed before it was answered.
  bool copy_in = false;   ///< An Execute that may start COPY FROM STDIN.
  HeldRules rules;        ///< By which it was judged, and its rows are masked.
  StatementPtr statement;
  PortalPtr portal;
  StreamedPtr streamed;
  std::unique_ptr<Refusal> refusal;
  std::unique_ptr<Refusal> revoked;  ///< It ran when newer rules denied it: what its cancellation is told as.
  std::string name;         ///< Statement name of a Parse.
  uint64_t intent_seq = 0;  ///< 0: no outcome is owed.
  uint64_t started_ns = 0;
  size_t copies_out = 0;    ///< COPY TO STDOUT that have begun, of those in the text.
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t masked_cells = 0;
  uint64_t alerted_values = 0;
  std::string tag;
};

class Pipeline {
 public:
  static constexpr size_t depth_max = 4096;

  Entry& push(EntryKind kind) {
    Entry& e = entries_.emplace_back();
    e.kind = kind;
    return e;
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] Entry& front() { return entries_.front(); }
  [[nodiscard]] Entry& back() { return entries_.back(); }
  void pop() { entries_.pop_front(); }
  [[nodiscard]] bool full() const { return entries_.size() >= depth_max; }
  [[nodiscard]] auto begin() { return entries_.begin(); }
  [[nodiscard]] auto end() { return entries_.end(); }

 private:
  std::deque<Entry> entries_;
};

}  // namespace sluice::gateway
